"""A window seen from its four sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Sample


@dataclass(frozen=True)
class QuarterTurn(Augmentation):
    """Turn by 0, 90, 180 or 270 degrees, each as often.

    Args:
        probability: Share of the samples that are turned at all.
    """

    probability: float = 0.75

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"`probability` must lie in [0, 1]. Received: {self.probability}.")

    def __call__(self, sample: Sample, *, generator: np.random.Generator) -> Sample:
        """A copy of `sample`, turned counter-clockwise by none to three quarters."""
        if generator.random() >= self.probability:
            return sample
        for _ in range(generator.integers(1, 4)):
            sample = _turn(sample)
        return sample


def _turn(sample: Sample) -> Sample:
    """A quarter further: the right side of the window becomes its top."""
    labels = sample.labels
    if isinstance(labels, np.ndarray):
        return Sample(np.rot90(sample.image), np.rot90(labels))
    return Sample(
        np.rot90(sample.image), labels.moved(Affine(0, 1, 0, -1, 0, sample.image.shape[1]))
    )
