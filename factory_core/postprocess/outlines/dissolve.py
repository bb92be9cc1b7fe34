"""Detections -> detections: what overlaps or nearly touches becomes one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.limits import check_at_least
from factory_core.kernel.overlaps import find_owners
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class Dissolve:
    """Unite detections of a class that overlap or share an edge.

    The score is the mean over their areas; the other columns are those of the best one.
    """

    def __call__(self, detections: Polygons) -> Polygons:
        """Polygons of which no two of a class overlap, class by class."""
        return _unite(detections, gap_m=0.0)


@dataclass(frozen=True)
class MergeNear:
    """Unite detections of a class that lie closer than `gap_m`, and fill the gap between them.

    For objects that fell apart: at window edges, under trees, in shadow. Shapes grow by half the
    gap, are united and shrink again (a morphological closing), so bays as narrow are filled too.
    The score is the mean over their areas; the other columns are those of the best one.

    Attributes:
        gap_m: Largest gap that is closed.
    """

    gap_m: float

    def __post_init__(self) -> None:
        check_at_least(0, gap_m=self.gap_m)

    def __call__(self, detections: Polygons) -> Polygons:
        """Polygons of which no two of a class are closer than the gap, class by class."""
        return _unite(detections, gap_m=self.gap_m)


def _unite(detections: GeoDataFrame, *, gap_m: float) -> GeoDataFrame:
    united = [
        _unite_class(of_class, gap_m=gap_m)
        for _, of_class in detections.groupby("label", sort=True, observed=True)
    ]
    return pd.concat(united, ignore_index=True) if united else detections


def _unite_class(detections: GeoDataFrame, *, gap_m: float) -> GeoDataFrame:
    shapes = detections.geometry.to_numpy()
    parts = shapely.get_parts(_united(_grown(shapes, by_m=gap_m / 2)))
    inside = shapely.point_on_surface(shapes)
    row, part = shapely.STRtree(parts).query(inside, predicate="intersects")
    area = shapely.area(shapes)
    scores = detections["score"].to_numpy(float)
    weight = np.bincount(part, weights=area[row], minlength=len(parts))
    score = np.bincount(part, weights=(area * scores)[row], minlength=len(parts)) / weight
    x_min, y_min, x_max, y_max = shapely.bounds(shapes).T
    best_first = np.lexsort([y_max, x_max, y_min, x_min, -scores])
    rank = np.empty(len(shapes), int)
    rank[best_first] = np.arange(len(shapes))
    best = np.full(len(parts), len(shapes))
    np.minimum.at(best, part, rank[row])
    found = detections.iloc[best_first[best]].assign(score=np.minimum(score, 1))
    return found.set_geometry(_grown(parts, by_m=-gap_m / 2), crs=detections.crs)


def _united(shapes: np.ndarray) -> np.ndarray:
    """Shapes of which no two touch, united where they did.

    Each round unites the shapes around some that do not touch; a million on one spot are one
    round, and shapes that lie alone are not looked at again by the slow union.
    """
    while True:
        owner = find_owners(shapes, pairs=_touching)
        kept, group = np.unique(owner, return_inverse=True)
        if len(kept) == len(shapes):
            return shapes
        shared = np.bincount(group) > 1
        member = np.flatnonzero(shared[group])
        member = member[np.argsort(group[member], kind="stable")]
        number = np.unique(group[member], return_inverse=True)[1]
        heaps = shapely.geometrycollections(shapes[member], indices=number)
        united = shapes[kept]
        united[shared] = shapely.union_all(heaps[:, None], axis=1)
        shapes = united


def _touching(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, other = shapely.STRtree(right).query(left, predicate="intersects")
    return one, other


def _grown(shapes: np.ndarray, *, by_m: float) -> np.ndarray:
    """Shapes wider by `by_m` all round; corners stay corners."""
    if by_m == 0:
        return shapes
    grown: np.ndarray = shapely.buffer(shapes, by_m, join_style="mitre")
    return grown
