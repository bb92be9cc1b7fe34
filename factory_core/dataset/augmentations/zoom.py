"""Objects a little larger or smaller than they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine

from factory_core.dataset.augmentations.interface import Augmentation, Chance, check_rising
from factory_core.dataset.augmentations.planes import warp
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Zoom(Augmentation):
    """Look at a part of the window enlarged, or at all of it shrunk, the rest without data.

    Args:
        probability: Share of the samples that are zoomed.
        smallest: Least factor, below 1 shrinks.
        largest: Greatest factor; factors are spread evenly in their logarithm.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """

    smallest: float = 0.8
    largest: float = 1.4
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rising(smallest=self.smallest, largest=self.largest)
        check_within(0.01, 1, min_share_inside=self.min_share_inside)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` at another scale, its part chosen by chance."""
        draw = chance.generator.uniform
        factor = float(np.exp(draw(np.log(self.smallest), np.log(self.largest))))
        height, width, _ = sample.image.shape
        # First pixel in sight; negative where the shrunken window leaves a margin.
        y, x = draw() * (height - height / factor), draw() * (width - width / factor)
        by = Affine.scale(factor) @ Affine.translation(-x, -y)
        return warp(sample, by, min_share_inside=self.min_share_inside)
