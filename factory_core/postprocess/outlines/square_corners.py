"""Detections -> detections: corners that are nearly right become right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.outlines.rings import Rings, each_polygon, main_directions, rings_of


@dataclass(frozen=True)
class SquareCorners:
    """Turn the edges of a polygon that nearly follow its main direction, so that they do.

    The main direction is the mean of the edges' directions modulo a right angle, by length; an
    edge turns about its middle, and corners are where neighbouring edges meet, as mapping editors
    square buildings (`orthogonalize` of OpenStreetMap's iD, JOSM). Edges that run askew stay. A
    polygon that would cross itself stays as it is. Put `simplify` before it.

    Attributes:
        max_turn_deg: Most that an edge is turned, at most 45.
        max_move_m: A corner that would move further stays where it is.
    """

    max_turn_deg: float
    max_move_m: float

    def __post_init__(self) -> None:
        check_within(0, 45, max_turn_deg=self.max_turn_deg)
        check_at_least(0, max_move_m=self.max_move_m)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections with square corners."""
        shapes = each_polygon(detections.geometry.to_numpy(), self._square)
        return detections.set_geometry(shapes, crs=detections.crs)

    def _square(self, polygons: np.ndarray) -> np.ndarray:
        rings = rings_of(polygons)
        main = main_directions(rings, count=len(polygons))[rings.polygon[rings.ring]]
        edge = rings.points[rings.after] - rings.points
        angle = np.arctan2(edge[:, 1], edge[:, 0])
        squared = main + np.rint((angle - main) / (np.pi / 2)) * np.pi / 2
        turn = np.abs((angle - squared + np.pi) % (2 * np.pi) - np.pi)
        angle = np.where(turn <= np.deg2rad(self.max_turn_deg), squared, angle)
        middle = rings.points + edge / 2
        corner, crosses = _crossings(middle[rings.before], angle[rings.before], middle, angle)
        moved = np.hypot(*(corner - rings.points).T)
        taken = crosses & (moved <= self.max_move_m)
        points = np.where(taken[:, None], corner, rings.points)
        return Rings(points, rings.ring, rings.polygon).of_polygons()


def _crossings(
    one: np.ndarray, one_angle: np.ndarray, two: np.ndarray, two_angle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where lines through points in their directions cross, and whether they do at all."""
    a = np.stack([np.cos(one_angle), np.sin(one_angle)], axis=-1)
    b = np.stack([np.cos(two_angle), np.sin(two_angle)], axis=-1)
    between = two - one
    sine = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    crosses = np.abs(sine) > 1e-6
    along = (between[:, 0] * b[:, 1] - between[:, 1] * b[:, 0]) / np.where(crosses, sine, 1)
    return one + along[:, None] * a, crosses
