"""Rectangles of the smallest area around polygons, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.geo import oriented_corners


@dataclass(frozen=True)
class Rectangles:
    """Rectangles of any direction.

    Attributes:
        centre: `(n, 2)` x and y.
        length: `(n,)` the longer side.
        width: `(n,)` the shorter side.
        angle: `(n,)` direction of the length against the x axis, in `[-pi/2, pi/2)`.
    """

    centre: np.ndarray
    length: np.ndarray
    width: np.ndarray
    angle: np.ndarray

    def polygons(self) -> np.ndarray:
        """The rectangles as polygons."""
        numbers = np.column_stack([self.centre, self.length, self.width, self.angle])
        polygons: np.ndarray = shapely.polygons(oriented_corners(numbers))
        return polygons


def rectangles_around(polygons: np.ndarray) -> Rectangles:
    """The rectangle of the smallest area around each polygon (with an area)."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(polygons)).reshape(-1, 5, 2)[:, :4]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    sides = np.hypot(*one.T), np.hypot(*two.T)
    first = sides[0] >= sides[1]
    along = np.where(first[:, None], one, two)
    angle = np.arctan2(along[:, 1], along[:, 0])
    return Rectangles(
        corners.mean(axis=1),
        np.maximum(*sides),
        np.minimum(*sides),
        (angle + np.pi / 2) % np.pi - np.pi / 2,
    )


def turned(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points `(n, 2)` turned around the origin by their angles `(n,)`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = points.T
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)
