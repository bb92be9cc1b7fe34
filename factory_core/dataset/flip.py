"""Mirror images of a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Sample


@dataclass(frozen=True)
class Flip(Augmentation):
    """Swap left and right.

    Args:
        probability: Share of the samples that are flipped.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"`probability` must lie in [0, 1]. Received: {self.probability}.")

    def __call__(self, sample: Sample, *, generator: np.random.Generator) -> Sample:
        """A copy of `sample`, flipped or not."""
        if generator.random() >= self.probability:
            return sample
        labels = sample.labels
        if isinstance(labels, np.ndarray):
            return Sample(sample.image[:, ::-1], labels[:, ::-1])
        mirror = Affine(-1, 0, sample.image.shape[1], 0, 1, 0)
        return Sample(sample.image[:, ::-1], labels.moved(mirror))
