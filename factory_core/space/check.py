"""Compose, type-check and build configurations that are drawn at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from factory_core.kernel import config as configuration
from factory_core.kernel.compute import progress
from factory_core.space.defaults import Conf
from factory_core.space.fit import check_fit
from factory_core.space.space import Space
from factory_core.space.windows import windows_of


@dataclass(frozen=True)
class Failure:
    """A configuration that does not build.

    Attributes:
        overrides: What composes it.
        reason: What it raised.
    """

    overrides: tuple[str, ...]
    reason: str


def overrides_of(choices: Mapping[str, str]) -> list[str]:
    """Choices as Hydra and `dvc exp run -S` take them."""
    return [f"{address}={option}" for address, option in choices.items()]


def check(space: Space, *, count: int, seed: int, root: Path = Path()) -> Iterator[Failure]:
    """Draw `count` configurations and build each: all its parts, and its network.

    The network is built at the detector's window size and bands, with shapes and without
    values, so its weights are neither made nor loaded.

    Args:
        space: What is drawn from.
        count: How many are drawn.
        seed: Of the draw.
        root: Root of the detector.

    Yields:
        Those that fail.
    """
    conf = Conf(root)
    drawn = list(space.draw(count, seed=seed))
    for choices in progress(drawn, label="configurations"):
        overrides = overrides_of(choices)
        try:
            config = configuration.compose(root, overrides=overrides)
            for choice in conf.compose(choices).choices:
                if choice.address in choices:
                    _build(config, choice.path)
            sketch_network(config, root=root)
        except Exception as error:  # noqa: BLE001  # whatever a network raises is what is sought
            yield Failure(tuple(overrides), f"{type(error).__name__}: {error}")


def _build(config: DictConfig, path: tuple[str, ...]) -> Any:
    node: Any = config
    for step in path:
        node = node[step]
    return configuration.build(node, where=".".join(path))


def sketch_network(config: DictConfig, *, root: Path = Path()) -> Any:
    """The Keras network of a configuration, with shapes and without values.

    Raises:
        ConfigError: The windows, the target or the post-processing do not fit the model.
    """
    operations = import_module("factory_core.models.operations")
    model = configuration.build(config.model, where="model")
    check_fit(config)
    windows, _ = windows_of(config, form=model.form, root=root)
    shape = (windows.window_px, windows.window_px, len(windows.bands))
    return operations.sketch(model, shape=shape, num_classes=len(windows.classes))
