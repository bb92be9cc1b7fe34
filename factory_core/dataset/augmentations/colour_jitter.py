"""Other light over a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.pixels import mean_of_bands, with_pixels
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class ColourJitter(Augmentation):
    """Change brightness, contrast and tint, each by a factor drawn from `1 - x` to `1 + x`.

    Args:
        probability: Share of the samples that are changed.
        brightness: For all bands together.
        contrast: Around the mean of each band.
        tint: For each band on its own.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    tint: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 0.99, brightness=self.brightness, contrast=self.contrast, tint=self.tint)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` with other pixels and the same labels."""
        bands = sample.image.shape[-1]
        gain = _factors(self.brightness, 1, chance) * _factors(self.tint, bands, chance)
        contrast = _factors(self.contrast, 1, chance)
        offset = mean_of_bands(sample) * (1 - contrast) * gain
        image = np.empty(sample.image.shape, np.float32)
        for band, (factor, shift) in enumerate(zip(contrast * gain, offset, strict=True)):
            image[..., band] = sample.image[..., band] * factor + shift
        return with_pixels(sample, image)


def _factors(spread: float, count: int, chance: Chance) -> np.ndarray:
    drawn: np.ndarray = chance.generator.uniform(1 - spread, 1 + spread, count)
    return drawn.astype(np.float32)
