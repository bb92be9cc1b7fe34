"""Objects a little larger or smaller than they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import affine_transform

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Boxes, Sample


@dataclass(frozen=True)
class Zoom(Augmentation):
    """Look at a part of the window enlarged, or at all of it shrunk, the rest without data.

    Args:
        smallest: Least factor, below 1 shrinks.
        largest: Greatest factor; factors are spread evenly in their logarithm.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """

    smallest: float = 0.8
    largest: float = 1.4
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.smallest <= self.largest or not 0 < self.min_share_inside <= 1:
            raise ValueError(
                "`smallest` must be above 0 and at most `largest`, and `min_share_inside` lie in "
                f"(0, 1]. Received: smallest={self.smallest}, largest={self.largest}, "
                f"min_share_inside={self.min_share_inside}."
            )

    def __call__(self, sample: Sample, *, generator: np.random.Generator) -> Sample:
        """A copy of `sample` at another scale, its part chosen by chance."""
        factor = float(np.exp(generator.uniform(np.log(self.smallest), np.log(self.largest))))
        height, width, _ = sample.image.shape
        # First pixel in sight; negative where the shrunken window leaves a margin.
        y = generator.uniform() * (height - height / factor)
        x = generator.uniform() * (width - width / factor)
        image = np.stack(
            [
                _resample(sample.image[..., band], factor, y=y, x=x, order=1)
                for band in range(sample.image.shape[-1])
            ],
            axis=-1,
        )
        if not isinstance(sample.labels, Boxes):
            return Sample(image, _resample(sample.labels, factor, y=y, x=x, order=0))
        moved = (sample.labels.xyxy_px - np.array([x, y, x, y], np.float32)) * np.float32(factor)
        inside = np.clip(moved, 0, np.array([width, height] * 2, np.float32))
        kept = _areas(inside) >= self.min_share_inside * _areas(moved)
        return Sample(image, Boxes(inside[kept], sample.labels.classes[kept]))


def _resample(band: np.ndarray, factor: float, *, y: float, x: float, order: int) -> np.ndarray:
    """One band seen from `(y, x)` on; centres of pixels lie at halves."""
    first = [y + 0.5 / factor - 0.5, x + 0.5 / factor - 0.5]
    seen: np.ndarray = affine_transform(
        band, [1 / factor, 1 / factor], first, order=order, mode="constant", cval=0
    )
    return seen


def _areas(xyxy_px: np.ndarray) -> np.ndarray:
    areas: np.ndarray = np.prod(xyxy_px[:, 2:] - xyxy_px[:, :2], axis=1)
    return areas
