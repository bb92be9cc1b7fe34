"""Detections -> detections: polygons without small holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.outlines.rings import each_polygon


@dataclass(frozen=True)
class FillPolygonHoles:
    """Close holes of polygons of at most `max_area_m2` square metres.

    Attributes:
        max_area_m2: Largest hole that is closed.
    """

    max_area_m2: float

    def __post_init__(self) -> None:
        check_at_least(0, max_area_m2=self.max_area_m2)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections without small holes."""
        shapes = each_polygon(detections.geometry.to_numpy(), self._fill)
        return detections.set_geometry(shapes, crs=detections.crs)

    def _fill(self, polygons: np.ndarray) -> np.ndarray:
        # Most have no hole, and to make them anew is nearly all the work.
        holed = shapely.get_num_interior_rings(polygons) > 0
        rings, owner = shapely.get_rings(polygons[holed], return_index=True)
        inner = np.append(False, owner[1:] == owner[:-1])[: len(owner)]
        kept = ~inner
        kept[inner] = shapely.area(shapely.polygons(rings[inner])) > self.max_area_m2
        filled = polygons.copy()
        filled[holed] = shapely.polygons(rings[kept], indices=owner[kept])
        return filled
