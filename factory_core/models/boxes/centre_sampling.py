"""Assignment by the middle of an object, each size on its own level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.limits import check_above
from factory_core.models.boxes.anchors import Anchors, list_cells
from factory_core.models.boxes.assigner import Assigner, best_of_each
from factory_core.models.boxes.geometry import sides_from


@dataclass(frozen=True)
class CentreSampling(Assigner):
    """Points near the middle of an object learn it, on the level of its size.

    FCOS (Tian et al. 2019, https://arxiv.org/abs/1904.01355, section 3.2) with the sampling
    around centres of its later version (https://arxiv.org/abs/2006.09214). Of several objects
    a point learns the smallest. Oriented boxes are asked in their own frame.

    Args:
        radius_strides: How far from the centre a point may lie along each side, in strides of
            its level; it lies inside the object too.
        range_strides: A level learns objects whose farthest side is up to so many strides
            from the point, the next one up to twice that, the last one all larger.
    """

    radius_strides: float = 1.5
    range_strides: float = 8.0

    def __post_init__(self) -> None:
        check_above(0, radius_strides=self.radius_strides, range_strides=self.range_strides)

    def __call__(self, xylwa: np.ndarray, anchors: Anchors) -> np.ndarray:
        """Number of the label of each anchor, or `NOTHING`."""
        pairs = [self._near(xylwa, anchors, number) for number in range(len(anchors.levels))]
        row, label = (np.concatenate(piece) for piece in zip(*pairs, strict=True))
        areas = np.prod(xylwa[:, 2:4], axis=1)
        return best_of_each(row, label, -areas[label], rows=len(anchors.xylwa))

    def _near(
        self, xylwa: np.ndarray, anchors: Anchors, number: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a level and the labels that they may learn."""
        level, last = anchors.levels[number], number == len(anchors.levels) - 1
        reach = self.radius_strides * level.stride_px
        # A turned square of sampling reaches further along the axes.
        around = reach * (np.abs(np.cos(xylwa[:, 4:])) + np.abs(np.sin(xylwa[:, 4:])))
        first = np.ceil((xylwa[:, :2] - around) / level.stride_px - 0.5)
        behind = np.floor((xylwa[:, :2] + around) / level.stride_px - 0.5) + 1
        label, cell = list_cells(first, behind, level)
        sides = sides_from(anchors.xylwa[cell * anchors.shapes, :2], xylwa[label])
        offset = np.abs(sides[:, 2:] - sides[:, :2]).max(axis=1) / 2
        farthest = sides.max(axis=1)
        low = self.range_strides * level.stride_px / 2 if number else 0.0
        high = np.inf if last else self.range_strides * level.stride_px
        kept = (sides.min(axis=1) > 0) & (offset < reach) & (farthest > low) & (farthest <= high)
        rows = cell[kept, None] * anchors.shapes + np.arange(anchors.shapes)
        return rows.ravel(), np.repeat(label[kept], anchors.shapes)
