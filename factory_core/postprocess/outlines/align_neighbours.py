"""Detections -> detections: houses of a street and parked vehicles stand alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import KDTree

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.kernel.rectangles import rectangles_around, turned
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.outlines.rings import keep_valid


@dataclass(frozen=True)
class AlignNeighbours:
    """Turn each polygon about its middle into the mean direction of its neighbours and itself.

    Directions are those of the smallest rectangles, modulo a right angle, weighted by area; what
    would turn by more than `max_turn_deg` stands askew on purpose and stays.

    Attributes:
        radius_m: How far neighbours' middles are.
        neighbours: How many of the nearest places with any are looked at.
        max_turn_deg: Most that a polygon is turned, at most 45.
    """

    radius_m: float
    neighbours: int
    max_turn_deg: float

    def __post_init__(self) -> None:
        check_at_least(0, radius_m=self.radius_m)
        check_at_least(1, neighbours=self.neighbours)
        check_within(0, 45, max_turn_deg=self.max_turn_deg)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections, turned."""
        shapes = detections.geometry.to_numpy()
        if not len(shapes):
            return detections
        boxes = rectangles_around(shapes)
        mean = self._mean_direction(boxes.centre, boxes.angle, weights=shapely.area(shapes))
        turn = (mean - boxes.angle + np.pi / 4) % (np.pi / 2) - np.pi / 4
        turn = np.where(np.abs(turn) <= np.deg2rad(self.max_turn_deg), turn, 0)
        points, owner = shapely.get_coordinates(shapes, return_index=True)
        middle = boxes.centre[owner]
        placed = middle + turned(points - middle, turn[owner])
        aligned = shapely.set_coordinates(shapes.copy(), placed)
        aligned = np.where(turn == 0, shapes, keep_valid(aligned, instead=shapes))
        return detections.set_geometry(aligned, crs=detections.crs)

    def _mean_direction(
        self, centres: np.ndarray, angles: np.ndarray, *, weights: np.ndarray
    ) -> np.ndarray:
        """Mean direction around each, modulo a right angle.

        Polygons with the same middle are one place: a million on one spot are one neighbour.
        """
        places, number = np.unique(
            np.round(centres[:, 0], 3) + 1j * np.round(centres[:, 1], 3), return_inverse=True
        )
        vectors = weights * np.exp(4j * angles)
        sums = np.zeros(len(places), complex)
        np.add.at(sums, number, vectors)
        xy = np.stack([places.real, places.imag], axis=-1)
        near = min(self.neighbours + 1, len(places))
        _, found = KDTree(xy).query(xy, k=[*range(1, near + 1)], distance_upper_bound=self.radius_m)
        padded = np.append(sums, 0)  # none within the radius
        return np.asarray(np.angle(padded[found].sum(axis=1))[number] / 4)
