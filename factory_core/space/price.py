"""What a configuration costs before it runs: counted from its graph, timed by a few steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from factory_core.dataset.shards import Stats
from factory_core.kernel import config as configuration
from factory_core.space.check import sketch_network
from factory_core.space.sections import check_sections
from factory_core.space.windows import windows_of

FLOAT_MB = 4 / 1e6


@dataclass(frozen=True)
class Price:
    """What a configuration costs.

    Attributes:
        window: Shape of a window, as text.
        batch_size: Windows in a step.
        parameters: Weights of the network.
        trainable: Those of them that are trained.
        operations: Multiply-adds for one window.
        weights_mb: The weights.
        gradients_mb: One value for each trained weight.
        optimizer_mb: State of the optimiser; measured, so none without a probe.
        activations_mb: What the layers give for a batch, all of it kept: an upper estimate.
        peak_mb: Most memory of the probe beyond its libraries.
        step_s: Seconds of a training step on this machine.
        windows: Windows of train and of val, or none where they are not known.
        epoch_s: Seconds of an epoch with its look at val, without feeding and augmentation.
        uncounted: Layers whose operations are not known.
    """

    window: str
    batch_size: int
    parameters: int
    trainable: int
    operations: int
    weights_mb: float
    gradients_mb: float
    optimizer_mb: float | None
    activations_mb: float
    peak_mb: float | None
    step_s: float | None
    windows: tuple[int, int] | None
    epoch_s: float | None
    uncounted: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The price as plain data, for JSON."""
        return asdict(self)


def price(
    overrides: Sequence[str] = (),
    *,
    windows: int | None = None,
    steps: int = 3,
    root: Path = Path(),
) -> Price:
    """Price the configuration that `overrides` compose.

    Args:
        overrides: As `dvc exp run -S` takes them.
        windows: Windows of train; else those of data/dataset/stats.json.
        steps: Training steps to time; 0 counts only, and needs no device.
        root: Root of the detector.

    Raises:
        ConfigError: The configuration does not compose, or its parts do not fit.
    """
    config = configuration.compose(root, overrides=overrides)
    check_sections(config)
    configuration.build(config.sampler, where="sampler")
    network = sketch_network(config, root=root)
    cost = import_module("factory_core.models.operations").cost_of(network)
    model = configuration.build(config.model, where="model")
    stats, _ = windows_of(config, form=model.form, root=root)
    size = int(config.train.batch_size)
    counts = _epoch(stats, windows)
    epoch_steps = max(math.ceil(counts[0] / size), 1) if counts else 1
    import_module("factory_core.train.start").build_optimizer(config, steps=epoch_steps)
    probe = _probe(config, stats, epoch_steps=epoch_steps, steps=steps) if steps else None
    return Price(
        window=f"{stats.window_px} x {stats.window_px} x {len(stats.bands)}",
        batch_size=size,
        parameters=cost.parameters,
        trainable=cost.trainable,
        operations=cost.operations,
        weights_mb=cost.parameters * FLOAT_MB,
        gradients_mb=cost.trainable * FLOAT_MB,
        optimizer_mb=probe.optimizer_mb if probe else None,
        activations_mb=cost.activations * size * FLOAT_MB,
        peak_mb=probe.peak_mb - probe.libraries_mb if probe else None,
        step_s=probe.step_s if probe else None,
        windows=counts,
        epoch_s=_epoch_s(probe, counts, size=size) if probe and counts else None,
        uncounted=cost.uncounted,
    )


def _probe(config: DictConfig, stats: Stats, *, epoch_steps: int, steps: int) -> Any:
    """The steps in a process of their own, whose memory is theirs alone."""
    run = import_module("factory_core.train.probe").probe
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(run, config, stats, epoch_steps=epoch_steps, steps=steps).result()


def _epoch(stats: Stats, windows: int | None) -> tuple[int, int] | None:
    if windows is not None:
        return windows, 0
    if stats.windows:
        return stats.windows.get("train", 0), stats.windows.get("val", 0)
    return None


def _epoch_s(probe: Any, counts: tuple[int, int], *, size: int) -> float:
    train, val = counts
    return float(math.ceil(train / size) * probe.step_s + val * probe.val_window_s)


def describe(price: Price) -> list[str]:
    """The price in lines to read."""
    lines = [
        f"window           {price.window}, {price.batch_size} in a step",
        f"parameters       {price.parameters:,} ({price.trainable:,} trained)",
        f"operations       {price.operations / 1e9:.3f} G multiply-adds for a window",
        f"memory           weights {price.weights_mb:.1f} MB, gradients {price.gradients_mb:.1f} MB"
        f"{'' if price.optimizer_mb is None else f', optimiser {price.optimizer_mb:.1f} MB'}, "
        f"activations up to {price.activations_mb:.0f} MB",
    ]
    if price.step_s is not None:
        lines += [
            f"measured memory  {price.peak_mb:.0f} MB beyond the libraries",
            f"measured step    {price.step_s:.3f} s on this machine",
        ]
    if price.epoch_s is not None and price.windows is not None:
        train, val = price.windows
        lines.append(
            f"an epoch         {price.epoch_s:.0f} s for {train} windows, and {val} of val"
        )
    elif price.step_s is not None:
        lines.append("an epoch         not known: give --windows, or run the stage dataset first")
    if price.uncounted:
        lines.append(f"not counted      operations of {', '.join(price.uncounted)}")
    return lines
