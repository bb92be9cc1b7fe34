"""Detections -> detections: ends of lines that nearly meet are moved together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.limits import check_at_least
from factory_core.kernel.overlaps import find_owners
from factory_core.postprocess.kinds import Lines
from factory_core.postprocess.lines.ends import find_ends


@dataclass(frozen=True)
class SnapEnds:
    """Move ends of lines that lie within `tolerance_m` of a place where more lines end onto it.

    In turn, the place with the most ends draws those around it; equals are decided by position. No
    end moves further than the tolerance. A line that is shorter than it and would become a point
    is dropped.

    Attributes:
        tolerance_m: Largest move of an end.
    """

    tolerance_m: float

    def __post_init__(self) -> None:
        check_at_least(0, tolerance_m=self.tolerance_m)

    def __call__(self, detections: Lines) -> Lines:
        """The lines, joined at their ends."""
        lines = detections.geometry.to_numpy()
        ends = find_ends(lines)
        order = np.lexsort([*ends.places.T[::-1], -ends.degree])
        owner = np.empty(len(order), int)
        owner[order] = order[find_owners(shapely.points(ends.places[order]), pairs=self._near)]
        places = ends.places[owner]
        points, line = shapely.get_coordinates(lines, return_index=True)
        first = np.searchsorted(line, np.arange(len(lines)))
        last = np.searchsorted(line, np.arange(len(lines)), side="right") - 1
        points[first], points[last] = places[ends.start], places[ends.stop]
        shrunk = (owner[ends.start] == owner[ends.stop]) & (ends.start != ends.stop)
        kept = ~(shrunk & (shapely.length(lines) <= 2 * self.tolerance_m))
        moved = shapely.set_coordinates(lines.copy(), points)
        kept &= shapely.is_valid(moved) & (shapely.length(moved) > 0)
        return detections[kept].set_geometry(moved[kept], crs=detections.crs)

    def _near(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = shapely.STRtree(right).query(left, predicate="dwithin", distance=self.tolerance_m)
        return pairs[0], pairs[1]
