"""A rectangle of another window."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.mixing import Rectangle, join
from factory_core.dataset.sample import Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class CutMix(Augmentation):
    """Replace a rectangle by what another window shows there.

    CutMix (Yun et al. 2019, https://arxiv.org/abs/1905.04899): the area that stays is a share
    drawn from a Beta distribution. Masks and their layers are cut and pasted with their pixels,
    as for segmentation by French et al. 2020 (https://arxiv.org/abs/1906.01916); boxes are cut
    to what is still seen of their objects.

    Args:
        probability: Share of the samples that are mixed.
        alpha: Of the Beta distribution: 1 for all shares alike, less for small or nearly whole
            rectangles.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """

    probability: float = 0.3
    alpha: float = 1.0
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0.01, 100, alpha=self.alpha)
        check_within(0.01, 1, min_share_inside=self.min_share_inside)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` with a part of another one."""
        hole = _rectangle(sample.image.shape[:2], self.alpha, chance.generator)
        other = chance.draw()
        image = sample.image.copy()
        image[hole.slices] = other.image[hole.slices]
        if isinstance(sample.labels, np.ndarray):
            labels = sample.labels.copy()
            labels[hole.slices] = other.labels[hole.slices]  # type: ignore[index]
            return replace(sample, image=image, labels=labels)
        height, width = image.shape[:2]
        around = shapely.box(0, 0, width, height).difference(hole.outline)
        least = {"min_share_inside": self.min_share_inside}
        own = sample.labels.within(around, **least)
        pasted = other.labels.within(hole.outline, **least)  # type: ignore[union-attr]
        return replace(sample, image=image, labels=join([own, pasted]))


def _rectangle(shape: tuple[int, ...], alpha: float, generator: np.random.Generator) -> Rectangle:
    """A rectangle of the proportions of the window; where it reaches over the edge it is cut."""
    height, width = shape
    side = np.sqrt(1 - generator.beta(alpha, alpha))
    y, x = generator.integers(0, (height, width))
    top, bottom = np.clip([y - side * height / 2, y + side * height / 2], 0, height).round()
    left, right = np.clip([x - side * width / 2, x + side * width / 2], 0, width).round()
    return Rectangle(int(top), int(left), int(bottom - top), int(right - left))
