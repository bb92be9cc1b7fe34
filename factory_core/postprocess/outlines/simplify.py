"""Detections -> detections: outlines with fewer points."""

from __future__ import annotations

from dataclasses import dataclass

import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Simplify:
    """Drop points of an outline that lie within `tolerance_m` of the line without them.

    Douglas and Peucker (1973), in GEOS's form that keeps the topology: a polygon stays
    a valid polygon with its holes and is never emptied.

    Attributes:
        tolerance_m: Largest move of an outline.
    """

    tolerance_m: float

    def __post_init__(self) -> None:
        check_at_least(0, tolerance_m=self.tolerance_m)

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections with simpler outlines."""
        outlines = detections.geometry.to_numpy()
        simple = shapely.simplify(outlines, self.tolerance_m, preserve_topology=True)
        return detections.set_geometry(simple, crs=detections.crs)
