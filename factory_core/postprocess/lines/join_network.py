"""Detections -> detections: lines become a network that meets in nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Lines
from factory_core.postprocess.lines.ends import find_ends, lengthened

GRID_M = 0.001


@dataclass(frozen=True)
class JoinNetwork:
    """Lead loose ends onto the line that they nearly reach, and cut lines wherever they meet.

    Class by class. Places are rounded to a millimetre while lines are cut (snap rounding, Hobby
    1999, https://doi.org/10.1016/S0925-7721(99)00021-8), so that what meets has the very same
    node. Lines on each other become one. A piece has the columns of the line that it comes from, of
    several the best one.

    Attributes:
        tolerance_m: How far a loose end is led on to another line.
    """

    tolerance_m: float

    def __post_init__(self) -> None:
        check_at_least(0, tolerance_m=self.tolerance_m)

    def __call__(self, detections: Lines) -> Lines:
        """Pieces of lines between nodes."""
        pieces = [
            self._join(of_class)
            for _, of_class in detections.groupby("label", sort=True, observed=True)
        ]
        return pd.concat(pieces, ignore_index=True) if pieces else detections

    def _join(self, detections: GeoDataFrame) -> GeoDataFrame:
        lines = detections.geometry.to_numpy()
        _, once = np.unique(shapely.to_wkb(shapely.normalize(lines)), return_index=True)
        longer = self._lead_on(lines[once])
        given = np.concatenate([lines, longer])
        source = np.concatenate([np.arange(len(lines)), once])
        pieces = shapely.get_parts(shapely.union_all(longer, grid_size=GRID_M))
        middle = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
        piece, near = shapely.STRtree(given).query(middle, predicate="dwithin", distance=2 * GRID_M)
        candidate = source[near]
        scores = detections["score"].to_numpy()[candidate]
        x_min, y_min, x_max, y_max = shapely.bounds(lines[candidate]).reshape(-1, 4).T
        order = np.lexsort([y_max, x_max, y_min, x_min, -scores, piece])
        found, best = np.unique(piece[order], return_index=True)
        whose = candidate[order[best]]
        return detections.iloc[whose].set_geometry(pieces[found], crs=detections.crs)

    def _lead_on(self, lines: np.ndarray) -> np.ndarray:
        """The lines, loose ends led on to the nearest line that theirs does not touch."""
        ends = find_ends(lines)
        number = np.concatenate([ends.start, ends.stop])
        loose = np.flatnonzero(ends.degree[number] == 1)
        line = np.tile(np.arange(len(lines)), 2)[loose]
        points = shapely.points(ends.places[number[loose]])
        end, other = shapely.STRtree(lines).query(
            points, predicate="dwithin", distance=self.tolerance_m
        )
        apart = ~shapely.intersects(lines[line[end]], lines[other])
        end, other = end[apart], other[apart]
        foot = shapely.line_interpolate_point(
            lines[other], shapely.line_locate_point(lines[other], points[end])
        )
        x, y = shapely.get_coordinates(foot).T
        order = np.lexsort([y, x, shapely.distance(points[end], foot), end])
        end, first = np.unique(end[order], return_index=True)
        feet = shapely.get_coordinates(foot[order[first]])
        return lengthened(lines, line[end], feet, at_stop=loose[end] >= len(lines))
