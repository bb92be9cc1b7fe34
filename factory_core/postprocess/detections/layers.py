"""Layers that detections are compared with: land, water, runways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel import io


def read_area(file: Path, detections: GeoDataFrame) -> np.ndarray:
    """Polygons of a file that do not overlap each other, in the CRS of the detections.

    Raises:
        ConfigError: The file has no polygon, or one that crosses itself.
        LabelError: The file cannot be read, or has no CRS.
    """
    whole = io.read_geofence(file).to_crs(detections.crs).union_all()
    return np.asarray(shapely.get_parts(whole))


def share_inside(shapes: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Share of each shape that lies in `area`: of its square metres, of its length, or 0 or 1.

    Args:
        shapes: `(n,)` polygons, lines or points.
        area: Polygons that do not overlap each other.
    """
    shapely.prepare(area)
    tree = shapely.STRtree(area)
    share = np.zeros(len(shapes))
    inside, _ = tree.query(shapes, predicate="covered_by")
    share[inside] = 1
    row, part = tree.query(shapes, predicate="intersects")
    over = share[row] == 0
    row, part = row[over], part[over]
    common = size_of(shapely.intersection(shapes[row], area[part]))
    total = np.bincount(row, weights=common, minlength=len(shapes))
    size = size_of(shapes)
    partly = (total > 0) & (size > 0)
    share[partly] = np.minimum(total[partly] / size[partly], 1)
    return share


def size_of(shapes: np.ndarray) -> np.ndarray:
    """Area of polygons, length of lines, 0 for points."""
    flat = shapely.get_dimensions(shapes) == 2
    return np.asarray(np.where(flat, shapely.area(shapes), shapely.length(shapes)))
