"""The shadow of something outside the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import with_pixels
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_at_least, check_within


@dataclass(frozen=True)
class Shadow(Augmentation):
    """Darken a strip with straight edges across the window: the shadow of a building or a cloud.

    Args:
        probability: Share of the samples that get a shadow.
        darkest: Least share of the light that is left in it; it is drawn from there to 1.
        edge_px: Width of its edge in pixels.
    """

    probability: float = 0.3
    darkest: float = 0.35
    edge_px: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 1, darkest=self.darkest)
        check_at_least(0.01, edge_px=self.edge_px)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` in part in the shadow, with the same labels."""
        height, width, _ = sample.image.shape
        draw = chance.generator.uniform
        side = max(height, width)
        angle, middle, half = draw(0, np.pi), draw(-0.5, 0.5) * side, draw(0.05, 0.3) * side
        x = (np.arange(width, dtype=np.float32) - width / 2) * np.cos(angle)
        y = (np.arange(height, dtype=np.float32) - height / 2) * np.sin(angle)
        away = np.abs(y[:, None] + x[None, :] - middle).astype(np.float32)
        inside = ((half - away) / self.edge_px + 0.5).clip(0.0, 1.0)
        left = 1 - np.float32(1 - draw(self.darkest, 1.0)) * inside
        return with_pixels(sample, sample.image * left[..., None].astype(np.float32))
