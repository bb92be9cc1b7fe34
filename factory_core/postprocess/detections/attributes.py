"""Detections -> detections: measured on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.rectangles import rectangles_around


@dataclass(frozen=True)
class Attributes:
    """Add `area_m2`, `length_m`, `width_m` and `heading_deg` to every detection.

    Length and width of a polygon are the sides of the rectangle of the smallest area around it. The
    heading is that of the length, clockwise from the north of the grid, in [0, 180): how an
    object lies, not where its front is. A line has its length, the heading from end to end, and
    neither area nor width (0); a point has 0 throughout.
    """

    adds: ClassVar[tuple[str, ...]] = ("area_m2", "length_m", "width_m", "heading_deg")

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections with their measures."""
        shapes = detections.geometry.to_numpy()
        length, width, angle = np.zeros((3, len(shapes)))
        flat = shapely.get_dimensions(shapes) == 2
        boxes = rectangles_around(shapes[flat])
        length[flat], width[flat], angle[flat] = boxes.length, boxes.width, boxes.angle
        line = shapely.get_dimensions(shapes) == 1
        first, last = (shapely.get_coordinates(shapely.get_point(shapes[line], i)) for i in (0, -1))
        length[line] = shapely.length(shapes[line])
        angle[line] = np.arctan2(*(last - first).T[::-1])
        # Rounded, or what points north would be 180 by a hair.
        heading = np.round((90 - np.rad2deg(angle)) % 180, 6) % 180
        return detections.assign(
            area_m2=shapely.area(shapes),
            length_m=length,
            width_m=width,
            heading_deg=np.where(flat | line, heading, 0.0),
        )
