"""A window seen from its four sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from affine import Affine

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.sample import Sample


@dataclass(frozen=True)
class QuarterTurn(Augmentation):
    """Turn by 90, 180 or 270 degrees, each as often.

    Args:
        probability: Share of the samples that are turned at all.
    """

    probability: float = 0.75

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` turned counter-clockwise by one to three quarters."""
        for _ in range(chance.generator.integers(1, 4)):
            sample = _turn(sample)
        return sample


def _turn(sample: Sample) -> Sample:
    """A quarter further: the right side of the window becomes its top."""
    image, labels = np.rot90(sample.image), sample.labels
    if isinstance(labels, np.ndarray):
        return replace(sample, image=image, labels=np.rot90(labels))
    turn = Affine(0, 1, 0, -1, 0, sample.image.shape[1])
    return replace(sample, image=image, labels=labels.moved(turn))
