"""Objects a little larger or smaller than they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy.ndimage import affine_transform

from factory_core.dataset.augmentation import Augmentation
from factory_core.dataset.sample import Sample


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
        image = _resample(sample.image, factor, y=y, x=x, order=1)
        labels = sample.labels
        if isinstance(labels, np.ndarray):
            return Sample(image, _resample(labels, factor, y=y, x=x, order=0))
        moved = labels.moved(Affine.scale(factor) @ Affine.translation(-x, -y))
        return Sample(image, moved.cut((height, width), min_share_inside=self.min_share_inside))


def _resample(pixels: np.ndarray, factor: float, *, y: float, x: float, order: int) -> np.ndarray:
    """`pixels` `(height, width, ...)` seen from `(y, x)` on; centres of pixels lie at halves."""
    if pixels.ndim == 3:
        layers = [
            _resample(layer, factor, y=y, x=x, order=order) for layer in np.moveaxis(pixels, -1, 0)
        ]
        return np.stack(layers, axis=-1)
    first = [y + 0.5 / factor - 0.5, x + 0.5 / factor - 0.5]
    seen: np.ndarray = affine_transform(
        pixels, [1 / factor, 1 / factor], first, order=order, mode="constant", cval=0
    )
    return seen
