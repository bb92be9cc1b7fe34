"""Rectangles in any direction, as annotators hold them: centre, size, turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

# Of the longer side; what was written as text and read back is off by less.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Rectangle:
    """A rectangle in pixels, y down.

    Attributes:
        centre_xy: Its centre.
        size_wh: Width and height before it is turned.
        turn_deg: Degrees, clockwise on the screen, in [0, 90).
        corner_xy: Its upper left corner before it is turned, where that is after it.
    """

    centre_xy: tuple[float, float]
    size_wh: tuple[float, float]
    turn_deg: float
    corner_xy: tuple[float, float]


def as_rectangle(geometry: BaseGeometry) -> Rectangle | None:
    """The rectangle that a polygon is, or None where it is none."""
    if geometry.geom_type != "Polygon" or len(geometry.exterior.coords) != 5:
        return None
    if len(geometry.interiors):
        return None
    # Clockwise on the screen: right, down, left, up, all turned alike.
    ring = geometry.exterior if shapely.is_ccw(geometry.exterior) else geometry.exterior.reverse()
    corners = np.array(ring.coords[:4])
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*sides.T)
    off = max(np.abs(sides[0] + sides[2]).max(), abs(sides[0] @ sides[1]) / lengths.max())
    if off > ROUNDING * lengths.max():
        return None
    directions = np.degrees(np.arctan2(sides[:, 1], sides[:, 0]))
    top = int(np.argmin(np.where(directions > -ROUNDING, directions, np.inf)))
    x, y = corners[top]
    centre_x, centre_y = corners.mean(axis=0)
    return Rectangle(
        (float(centre_x), float(centre_y)),
        (float(lengths[top]), float(lengths[(top + 1) % 4])),
        max(float(directions[top]), 0.0),
        (float(x), float(y)),
    )
