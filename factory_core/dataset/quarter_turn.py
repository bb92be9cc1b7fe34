"""A window seen from its four sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Boxes, Sample


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
            sample = Sample(np.rot90(sample.image), _turn_labels(sample))
        return sample


def _turn_labels(sample: Sample) -> np.ndarray | Boxes:
    """Labels a quarter further: the right side of the window becomes its top."""
    if not isinstance(sample.labels, Boxes):
        return np.rot90(sample.labels)
    width = sample.image.shape[1]
    x_min, y_min, x_max, y_max = sample.labels.xyxy_px.T
    return Boxes(np.stack([y_min, width - x_max, y_max, width - x_min], 1), sample.labels.classes)
