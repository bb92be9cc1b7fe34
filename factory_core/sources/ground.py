"""Labels on the ground, checked one by one: their geometry, and where their CRS is meant for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError

LONGITUDE_LATITUDE = "EPSG:4326"
# A scene on the seam of two UTM zones is often given in the CRS of its neighbour.
MARGIN_DEG = 3.0


def from_geojson(geometry: object) -> BaseGeometry:
    """The geometry of a GeoJSON feature; an open ring is closed.

    Raises:
        LabelError: It is not GeoJSON.
    """
    if geometry is None:
        raise LabelError("the geometry is empty. Draw the object, or delete the record.")
    try:
        return shape(geometry)
    except Exception as error:  # shapely raises whatever the wrong nesting leads to
        raise LabelError(
            f"{str(geometry)[:80]!r} is no geometry of GeoJSON ({error}). Export it again."
        ) from error


def check_place(geometry: BaseGeometry, crs: CRS) -> None:
    """Check that a geometry lies where its CRS is meant for.

    Raises:
        LabelError: It does not: the CRS is another, or x and y are exchanged.
    """
    to_degrees, west, east = _reach(crs.to_wkt())
    corners = box(*geometry.bounds).exterior.coords
    longitude, latitude = np.asarray(to_degrees.transform(*np.transpose(corners)))
    inside = np.abs(latitude) <= 90
    if not crs.is_geographic:
        inside &= (longitude - west) % 360 <= east - west
    else:  # not wrapped, so that exchanged x and y are seen
        inside &= np.abs(longitude) <= 180
    if not inside.all():
        x, y = geometry.centroid.coords[0]
        raise LabelError(
            f"the coordinates ({x:.9g}, {y:.9g}) lie far outside the area of {crs.name}: labels of "
            "another place, another CRS, or x and y exchanged? Correct the file, or the record."
        )


@lru_cache
def _reach(wkt: str) -> tuple[Transformer, float, float]:
    """The way to longitude and latitude, and the longitudes that a CRS is meant for."""
    crs = CRS.from_wkt(wkt)
    to_degrees = Transformer.from_crs(crs, LONGITUDE_LATITUDE, always_xy=True)
    if crs.area_of_use is None:
        return to_degrees, -180.0, 180.0
    west, east = crs.area_of_use.west, crs.area_of_use.east
    east += 360 if east < west else 0
    return to_degrees, west - MARGIN_DEG, east + MARGIN_DEG
