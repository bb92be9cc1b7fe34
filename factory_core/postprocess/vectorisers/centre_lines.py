"""Score map -> detections: the centre lines of regions, roads say, as a graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from skimage.morphology import skeletonize

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import Lines
from factory_core.postprocess.vectorisers.vectors import by_class


@dataclass(frozen=True)
class CentreLines:
    """Thin the regions of scores above 0 to lines of one pixel, and follow them between nodes.

    Thinning after Zhang and Suen 1984 (https://doi.org/10.1145/357994.358023). A line runs from one
    node, an end or a junction, to the next, through the middles of pixels; a loop without a node
    is one line. The score is the mean over the line's pixels. A region that thins to one pixel
    gives none. Whole bands at once, about 4 bytes of memory a pixel.
    """

    def __call__(self, score_map: ScoreMap) -> Lines:
        """Lines with `score`, `label` and `scene_id`, class by class."""
        return by_class(score_map, _lines)


def _lines(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    thin = np.pad(skeletonize(band > 0), 1)  # type: ignore[no-untyped-call]
    pieces = np.concatenate([_steps(thin, row, column) for row, column in DIRECTIONS])
    merged = shapely.line_merge(shapely.multilinestrings(shapely.linestrings(pieces + 0.5)))
    lines = shapely.get_parts(merged)
    points, owner = shapely.get_coordinates(lines, return_index=True)
    columns, rows = np.floor(points).astype(int).T
    count = np.bincount(owner, minlength=len(lines))
    scores = np.bincount(owner, weights=band[rows, columns], minlength=len(lines)) / count
    return lines, scores / 255


DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def _steps(thin: np.ndarray, row: int, column: int) -> np.ndarray:
    """Steps `(n, 2, 2)` from pixel to neighbouring pixel in one direction, as x and y.

    A diagonal step is left out where two straight ones lead there, or junctions would be triangles.
    """
    rows, columns = np.nonzero(thin)
    linked = thin[rows + row, columns + column]
    if row and column:
        linked &= ~(thin[rows + row, columns] | thin[rows, columns + column])
    start = np.stack([columns[linked], rows[linked]], axis=-1) - 1  # the padding
    return np.stack([start, start + np.array([column, row])], axis=1)
