"""Where the rows of a dense network's output look: cells of pyramid levels, and boxes on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Level:
    """One map of a pyramid.

    Attributes:
        stride_px: Pixels of the window a cell.
        rows: Cells from top to bottom.
        columns: Cells from left to right.
        start: Number of its first cell among those of all levels.
    """

    stride_px: int
    rows: int
    columns: int
    start: int


@dataclass(frozen=True, eq=False)
class Anchors:
    """Boxes that labels are compared with, one a row of the output.

    Rows run level by level, finest first; then by row, column and shape of the anchor.

    Attributes:
        levels: The maps.
        shapes: Boxes on each cell.
        xylwa: `(row, 5)` float64: centre, length and width in pixels, angle in radians.
        level_of: `(row,)` index of its level.
    """

    levels: tuple[Level, ...]
    shapes: int
    xylwa: np.ndarray
    level_of: np.ndarray

    @property
    def strides_px(self) -> np.ndarray:
        """Stride of each row, `(row,)`."""
        strides: np.ndarray = np.array([level.stride_px for level in self.levels], float)
        of_rows: np.ndarray = strides[self.level_of]
        return of_rows


def list_cells(first: np.ndarray, last: np.ndarray, level: Level) -> tuple[np.ndarray, np.ndarray]:
    """Cells of one level within rectangles of cells.

    Args:
        first: `(n, 2)` column and row of the first cell of each rectangle.
        last: `(n, 2)` column and row behind its last cell.
        level: Whose cells; what lies outside it is left out.

    Returns:
        Number of the rectangle and of the cell among those of all levels, a pair each.
    """
    limit = np.array([level.columns, level.rows])
    first = np.clip(np.asarray(first).astype(int), 0, limit)
    last = np.clip(np.asarray(last).astype(int), first, limit)
    columns, rows = (last - first).T
    counts = columns * rows
    owner = np.repeat(np.arange(len(first)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    wide = np.maximum(columns, 1)[owner]
    column = first[owner, 0] + place % wide
    row = first[owner, 1] + place // wide
    return owner, level.start + row * level.columns + column


@lru_cache(maxsize=64)
def anchors(
    shape: tuple[int, int],
    *,
    strides_px: tuple[int, ...],
    shapes: tuple[tuple[float, float, float], ...] = ((1.0, 1.0, 0.0),),
) -> Anchors:
    """The anchors of a window.

    Args:
        shape: Height and width of the window in pixels, divisible by the strides.
        strides_px: Of each level, finest first.
        shapes: Length and width in strides and angle of each anchor of a cell.
    """
    levels: list[Level] = []
    boxes: list[np.ndarray] = []
    cells = 0
    for stride in strides_px:
        level = Level(stride, shape[0] // stride, shape[1] // stride, cells)
        row, column = np.divmod(np.arange(level.rows * level.columns), level.columns)
        centres = (np.stack([column, row], axis=-1) + 0.5) * stride
        sizes = np.array(shapes, float) * [stride, stride, 1.0]
        pair = np.broadcast_arrays(centres[:, None], sizes[None, :, :1])[0]
        box = np.concatenate([pair, np.broadcast_to(sizes, (*pair.shape[:2], 3))], axis=-1)
        boxes.append(box.reshape(-1, 5))
        levels.append(level)
        cells += len(centres)
    xylwa = np.concatenate(boxes)
    level_of = np.repeat(np.arange(len(levels)), [len(box) for box in boxes])
    return Anchors(tuple(levels), len(shapes), xylwa, level_of)
