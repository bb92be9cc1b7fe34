"""Detections -> detections: look inside given polygons only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely
from geopandas import GeoDataFrame, GeoSeries

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError


@dataclass(frozen=True)
class Geofence:
    """Keep detections whose representative point lies inside the polygons of a file.

    An object on the fence is kept whole or not at all, so its area and outline stay true.

    Attributes:
        file: Polygons as GeoPackage, GeoJSON or GeoParquet, in any CRS.
    """

    file: Path

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections inside.

        Raises:
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        fence = _read(self.file).to_crs(detections.crs).union_all()
        shapely.prepare(fence)
        points = shapely.point_on_surface(detections.geometry.to_numpy())
        return detections[shapely.intersects(fence, points)]


def _read(file: Path) -> GeoSeries:
    fence = io.read_vectors(file).geometry
    wrong = fence.isna() | fence.is_empty | ~fence.geom_type.isin(["Polygon", "MultiPolygon"])
    if fence.empty or wrong.any():
        raise ConfigError(
            f"The geofence {file} has {len(fence)} features, of which {int(wrong.sum())} are empty "
            "or no polygons. Expected polygons only, at least one: draw where to look."
        )
    if not fence.is_valid.all():
        reason = shapely.is_valid_reason(fence[~fence.is_valid].iloc[0])
        raise ConfigError(
            f"The geofence {file} has a polygon that is not valid ({reason}). Mend it, with "
            "`ogr2ogr -makevalid` or by hand: what lies inside must be beyond doubt."
        )
    return fence
