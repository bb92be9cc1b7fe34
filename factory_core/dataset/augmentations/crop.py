"""A part of a window, enlarged to a whole one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.planes import warp
from factory_core.dataset.sample import OrientedBoxes, Sample
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Crop(Augmentation):
    """Cut out a part of the window and enlarge it to a whole one, a little stretched.

    The random crop by which Inception was trained (Szegedy et al. 2015,
    https://arxiv.org/abs/1409.4842). `zoom` keeps the proportions and may shrink as well.

    Args:
        probability: Share of the samples that are cropped.
        smallest_share: Least share of the area of the window that is kept.
        stretch: Greatest factor between the enlargement along one axis and the other; 1 for
            oriented boxes, which would no longer be rectangles.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """

    smallest_share: float = 0.5
    stretch: float = 1.2
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0.01, 1, smallest_share=self.smallest_share)
        check_within(1, 4, stretch=self.stretch)
        check_within(0.01, 1, min_share_inside=self.min_share_inside)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """A part of `sample`.

        Raises:
            ConfigError: Oriented boxes cannot be stretched.
        """
        if self.stretch > 1 and isinstance(sample.labels, OrientedBoxes):
            raise ConfigError(
                f"`augment.tasks.crop.stretch` is {self.stretch:g}, and the windows have oriented "
                "boxes: stretched, they would not be rectangles. Set it to 1, or use `zoom`."
            )
        height, width, _ = sample.image.shape
        draw = chance.generator.uniform
        side = np.sqrt(draw(self.smallest_share, 1.0))
        ratio = np.exp(draw(-0.5, 0.5) * np.log(self.stretch))
        wide, high = min(side * ratio, 1.0) * width, min(side / ratio, 1.0) * height
        x, y = draw() * (width - wide), draw() * (height - high)
        by = Affine.scale(width / wide, height / high) @ Affine.translation(-x, -y)
        return warp(sample, by, min_share_inside=self.min_share_inside)
