"""Detections -> detections: the smallest box of any direction."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.rectangles import rectangles_around
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class MinRotatedBox:
    """Put the rectangle of the smallest area around each polygon, in the direction that it has.

    Rotating calipers (Toussaint 1983), by GEOS.
    """

    def __call__(self, detections: Polygons) -> Polygons:
        """Boxes, one a detection."""
        boxes = rectangles_around(detections.geometry.to_numpy())
        return detections.set_geometry(boxes.polygons(), crs=detections.crs)
