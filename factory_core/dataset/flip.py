"""Mirror images of a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Boxes, Sample


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
        return Sample(sample.image[:, ::-1], _flip_labels(sample))


def _flip_labels(sample: Sample) -> np.ndarray | Boxes:
    if not isinstance(sample.labels, Boxes):
        return sample.labels[:, ::-1]
    width = sample.image.shape[1]
    x_min, y_min, x_max, y_max = sample.labels.xyxy_px.T
    return Boxes(np.stack([width - x_max, y_min, width - x_min, y_max], 1), sample.labels.classes)
