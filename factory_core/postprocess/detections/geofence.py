"""Detections -> detections: look inside given polygons only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely
from geopandas import GeoDataFrame, GeoSeries

from factory_core.kernel import io


@dataclass(frozen=True)
class Geofence:
    """Keep detections whose representative point lies inside the polygons of a file.

    An object on the fence is kept whole or not at all, so its area and outline stay true.

    Attributes:
        file: Polygons as GeoPackage, GeoJSON or GeoParquet, in any CRS.
    """

    file: Path

    def fence(self) -> GeoSeries:
        """The polygons, in the CRS of the file.

        Raises:
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        return io.read_geofence(self.file)

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections inside.

        Raises:
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        fence = self.fence().to_crs(detections.crs).union_all()
        shapely.prepare(fence)
        points = shapely.point_on_surface(detections.geometry.to_numpy())
        return detections[shapely.intersects(fence, points)]
