"""Assignment by what the nearest anchors of an object reach on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.limits import check_at_least
from factory_core.models.boxes.anchors import Anchors, Level, list_cells
from factory_core.models.boxes.assigner import NOTHING, Assigner, best_of_each
from factory_core.models.boxes.geometry import ious, sides_from

INSIDE_PX = 0.01
ROUNDING = 1e-9  # overlaps that are equal by their geometry count as equal


@dataclass(frozen=True)
class Atss(Assigner):
    """Of the anchors nearest to an object on every level, those that overlap it well.

    Adaptive training sample selection (Zhang et al. 2020, https://arxiv.org/abs/1912.02424,
    algorithm 1): well is the mean of their IoU plus its deviation, and the centre of the
    anchor lies inside the object. Of several objects an anchor learns the one it overlaps most.
    Differs: where no overlap is that good, as when every anchor is larger than the object, the
    best ones inside are taken.

    Args:
        nearest: Cells of each level that are asked.
    """

    nearest: int = 9

    def __post_init__(self) -> None:
        check_at_least(2, nearest=self.nearest)

    def __call__(self, xylwa: np.ndarray, anchors: Anchors) -> np.ndarray:
        """Number of the label of each anchor, or `NOTHING`."""
        if len(xylwa) == 0:
            return np.full(len(anchors.xylwa), NOTHING, np.int64)
        cells = np.concatenate([self._nearest(xylwa, level) for level in anchors.levels], axis=1)
        rows = cells[..., None] * anchors.shapes + np.arange(anchors.shapes)
        rows = rows.reshape(len(xylwa), -1)
        label = np.repeat(np.arange(len(xylwa)), rows.shape[1])
        boxes = anchors.xylwa[rows.ravel()]
        overlap = ious(boxes, xylwa[label]).reshape(rows.shape)
        inside = sides_from(boxes[:, :2], xylwa[label]).min(axis=1).reshape(rows.shape) > INSIDE_PX
        well = overlap.mean(axis=1) + overlap.std(axis=1, ddof=1)
        least = np.minimum(well, (overlap * inside).max(axis=1)) - ROUNDING
        kept = ((overlap >= least[:, None]) & inside).ravel()
        return best_of_each(
            rows.ravel()[kept], label[kept], overlap.ravel()[kept], rows=len(anchors.xylwa)
        )

    def _nearest(self, xylwa: np.ndarray, level: Level) -> np.ndarray:
        """Cells nearest to the centre of each label, `(n, nearest)`; of equals the first."""
        # A half circle around a cell at the edge holds them, and so does this square.
        side = 2 * int(np.ceil(0.8 * np.sqrt(self.nearest) + 0.3)) + 1
        limit = np.array([level.columns, level.rows])
        middle = np.floor(xylwa[:, :2] / level.stride_px).astype(int)
        first = np.clip(middle - side // 2, 0, np.maximum(limit - side, 0))
        label, cell = list_cells(first, first + side, level)
        row, column = np.divmod(cell - level.start, level.columns)
        centres = (np.stack([column, row], axis=-1) + 0.5) * level.stride_px
        distance = ((centres - xylwa[label, :2]) ** 2).sum(axis=1).reshape(len(xylwa), -1)
        order = np.argsort(distance, axis=1, kind="stable")[:, : self.nearest]
        return np.take_along_axis(cell.reshape(len(xylwa), -1), order, axis=1)
