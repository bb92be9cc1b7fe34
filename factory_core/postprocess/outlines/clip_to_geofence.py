"""Detections -> detections: cut off what lies outside given polygons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from geopandas import GeoDataFrame, GeoSeries

from factory_core.kernel import io


@dataclass(frozen=True)
class ClipToGeofence:
    """Cut detections at the fence and keep what lies inside; each piece is a detection.

    For roads, fields and other areas; objects that should stay whole: `geofence`.

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
        """What lies inside.

        Raises:
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        fence = self.fence().to_crs(detections.crs).union_all()
        shapely.prepare(fence)
        shapes = detections.geometry.to_numpy()
        touches = shapely.intersects(fence, shapes)
        cut = touches & ~shapely.covers(fence, shapes)
        pieces = shapes.copy()
        pieces[cut] = shapely.intersection(shapes[cut], fence)
        parts, row = shapely.get_parts(pieces[touches], return_index=True)
        rows = np.flatnonzero(touches)[row]
        # A polygon may touch the fence along a line: that is no piece of it.
        same = shapely.get_dimensions(parts) == shapely.get_dimensions(shapes[rows])
        return detections.iloc[rows[same]].set_geometry(parts[same], crs=detections.crs)
