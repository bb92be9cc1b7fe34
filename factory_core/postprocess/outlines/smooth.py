"""Detections -> detections: round outlines and lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.limits import check_within
from factory_core.postprocess.outlines.rings import Rings, each_polygon, keep_valid, rings_of

MAX_ROUNDS = 6


@dataclass(frozen=True)
class Smooth:
    """Cut the corners of outlines and lines, again and again, at a quarter of each side.

    Chaikin 1974, An Algorithm for High-Speed Curve Generation
    (https://doi.org/10.1016/0146-664X(74)90028-8). Each round doubles the number of points; the
    ends of lines stay where they are.

    Attributes:
        rounds: How often, 1 to 6.
    """

    rounds: int

    def __post_init__(self) -> None:
        check_within(1, MAX_ROUNDS, rounds=self.rounds)

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections with rounder shapes; points as they are."""
        shapes = detections.geometry.to_numpy().copy()
        dimension = shapely.get_dimensions(shapes)
        for _ in range(self.rounds):
            shapes[dimension == 2] = each_polygon(shapes[dimension == 2], _cut_rings)
            shapes[dimension == 1] = _cut_lines(shapes[dimension == 1])
        return detections.set_geometry(shapes, crs=detections.crs)


def _cut_rings(polygons: np.ndarray) -> np.ndarray:
    rings = rings_of(polygons)
    here, there = rings.points, rings.points[rings.after]
    points = np.stack([0.75 * here + 0.25 * there, 0.25 * here + 0.75 * there], axis=1)
    return Rings(points.reshape(-1, 2), np.repeat(rings.ring, 2), rings.polygon).of_polygons()


def _cut_lines(lines: np.ndarray) -> np.ndarray:
    points, line = shapely.get_coordinates(lines, return_index=True)
    goes_on = np.append(line[1:] == line[:-1], False)[: len(line)]
    comes = np.append(False, goes_on[:-1])[: len(line)]
    here, there = points[goes_on], points[np.flatnonzero(goes_on) + 1]
    cut = np.stack([0.75 * here + 0.25 * there, 0.25 * here + 0.75 * there], axis=1)
    ends = ~goes_on | ~comes
    place = np.concatenate([np.flatnonzero(ends), np.repeat(np.flatnonzero(goes_on) + 0.5, 2)])
    # A start comes before the cuts of its own side, an end after those of the side before it.
    order = np.argsort(place, kind="stable")
    every = np.concatenate([points[ends], cut.reshape(-1, 2)])[order]
    owner = np.concatenate([line[ends], np.repeat(line[goes_on], 2)])[order]
    return keep_valid(shapely.linestrings(every, indices=owner), instead=lines)
