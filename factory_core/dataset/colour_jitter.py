"""Other light over a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Sample


@dataclass(frozen=True)
class ColourJitter(Augmentation):
    """Change brightness, contrast and tint, each by a factor drawn from `1 - x` to `1 + x`.

    Works on any number of bands and any range of values. Pixels without data stay so.

    Args:
        brightness: For all bands together.
        contrast: Around the mean of each band.
        tint: For each band on its own.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    tint: float = 0.1

    def __post_init__(self) -> None:
        if not all(0 <= value < 1 for value in (self.brightness, self.contrast, self.tint)):
            raise ValueError(
                "`brightness`, `contrast` and `tint` must lie in [0, 1). Received: "
                f"brightness={self.brightness}, contrast={self.contrast}, tint={self.tint}."
            )

    def __call__(self, sample: Sample, *, generator: np.random.Generator) -> Sample:
        """A copy of `sample` with other pixels and the same labels."""
        gain = _factors(self.brightness, 1, generator) * _factors(
            self.tint, sample.image.shape[-1], generator
        )
        contrast = _factors(self.contrast, 1, generator)
        data = sample.image.any(axis=-1, keepdims=True)
        mean = sample.image.mean(axis=(0, 1), where=data) if data.any() else 0.0
        lit = ((sample.image - mean) * contrast + mean) * gain
        lit = np.where(data, np.maximum(lit, 0.0), sample.image)
        return Sample(lit.astype(np.float32), sample.labels)


def _factors(spread: float, count: int, generator: np.random.Generator) -> np.ndarray:
    return generator.uniform(1 - spread, 1 + spread, count)
