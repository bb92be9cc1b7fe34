"""Parts of four windows in one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from factory_core.dataset.augmentations.interface import Augmentation, Chance
from factory_core.dataset.augmentations.mixing import Rectangle, join, moved_part
from factory_core.dataset.sample import Labels, Sample
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Mosaic(Augmentation):
    """Put parts of four windows together around a point, at their own scale.

    Mosaic (Bochkovskiy et al. 2020, https://arxiv.org/abs/2004.10934), by whole pixels and
    without resampling, so that objects keep their size on the ground. Every quarter takes any
    part of its window that is as large. A seam is no edge of an object: what it cuts ends there.

    Args:
        probability: Share of the samples that become a part of a mosaic.
        nearest_share: The point keeps so far from the edges, as a share of the side.
        min_share_inside: A box that keeps less of its area in sight is left out.
    """

    probability: float = 0.3
    nearest_share: float = 0.25
    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        super().__post_init__()
        check_within(0, 0.5, nearest_share=self.nearest_share)
        check_within(0.01, 1, min_share_inside=self.min_share_inside)

    def change(self, sample: Sample, chance: Chance) -> Sample:
        """`sample` and three others."""
        height, width, _ = sample.image.shape
        near = self.nearest_share
        y, x = (chance.generator.uniform(near, 1 - near, 2) * (height, width)).round().astype(int)
        quarters = [
            Rectangle(0, 0, y, x),
            Rectangle(0, x, y, width - x),
            Rectangle(y, 0, height - y, x),
            Rectangle(y, x, height - y, width - x),
        ]
        first = chance.generator.integers(4)
        image = np.zeros_like(sample.image)
        drawn = np.zeros_like(sample.labels) if isinstance(sample.labels, np.ndarray) else None
        boxes: list[Labels] = []
        for number, quarter in enumerate(quarters):
            shown = sample if number == first else chance.draw()
            part = _part(quarter, (height, width), chance.generator)
            image[quarter.slices] = shown.image[part.slices]
            if drawn is not None:
                drawn[quarter.slices] = shown.labels[part.slices]  # type: ignore[index]
                continue
            boxes.append(
                moved_part(
                    shown.labels,  # type: ignore[arg-type]
                    source=part,
                    target=quarter,
                    min_share_inside=self.min_share_inside,
                )
            )
        return replace(sample, image=image, labels=join(boxes) if drawn is None else drawn)


def _part(quarter: Rectangle, shape: tuple[int, int], generator: np.random.Generator) -> Rectangle:
    """Any part of a window that is as large as `quarter`."""
    rooms = shape[0] - quarter.height, shape[1] - quarter.width
    top, left = generator.integers(0, np.array(rooms) + 1)
    return Rectangle(int(top), int(left), quarter.height, quarter.width)
