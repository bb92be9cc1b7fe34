"""Mirror images of a window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from affine import Affine

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.sample import Sample


@dataclass(frozen=True)
class Flip(Augmentation):
    """Swap left and right.

    Args:
        probability: Share of the samples that are flipped.
    """

    probability: float = 0.5

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` flipped."""
        del chance  # a flip is a flip
        image, labels = sample.image[:, ::-1], sample.labels
        if isinstance(labels, np.ndarray):
            return replace(sample, image=image, labels=labels[:, ::-1])
        mirror = Affine(-1, 0, image.shape[1], 0, 1, 0)
        return replace(sample, image=image, labels=labels.moved(mirror))
