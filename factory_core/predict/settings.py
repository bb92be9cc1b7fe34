"""All that is chosen of a prediction, read in one place for the stage and for what is deployed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from omegaconf import DictConfig, OmegaConf

from factory_core.kernel import config as configuration
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_at_least
from factory_core.predict.blend import Blend
from factory_core.predict.merge import Core, Merge
from factory_core.predict.precision import Float32, Precision
from factory_core.predict.providers import Cpu, Provider
from factory_core.predict.views import Views


@dataclass(frozen=True)
class Settings:
    """The section `predict`; detectors of before a part came get its plainest choice.

    Attributes:
        overlap_px: Pixels that neighbouring windows share; at least the size of an object.
        batch_size: Windows that go through the network at once.
        blend: Weights of overlapping windows of a score map.
        merge: What becomes of boxes that several windows, views and models found.
        views: How each window is looked at.
        provider: What runs the models.
        precision: In which numbers they compute.
    """

    overlap_px: int
    batch_size: int
    blend: Blend
    merge: Merge = field(default_factory=Core)
    views: Views = field(default_factory=Views)
    provider: Provider = field(default_factory=Cpu)
    precision: Precision = field(default_factory=Float32)

    def __post_init__(self) -> None:
        check_at_least(1, batch_size=self.batch_size)


def read_settings(config: DictConfig) -> Settings:
    """The section `predict` of a configuration, parts and all.

    Raises:
        ConfigError: A key or a value is wrong; names it.
    """
    # A copy, as one that Hydra has composed takes no key.
    node = OmegaConf.merge(dict(config.predict), {"_target_": f"{__name__}.Settings"})
    return cast(Settings, configuration.build(node, where="predict"))


def check_overlap(overlap_px: int, *, window_px: int) -> None:
    """Refuse windows that share more than they have.

    Raises:
        ConfigError: `overlap_px` is not in [0, `window_px`).
    """
    if not 0 <= overlap_px < window_px:
        raise ConfigError(
            f"`predict.overlap_px` must lie in [0, {window_px}), the window of the model. "
            f"Received: {overlap_px}. Use a quarter of the window: {window_px // 4}."
        )
