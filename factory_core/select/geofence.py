"""The polygons inside which ground is selected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
from shapely import union_all

from factory_core.kernel import io
from factory_core.kernel.errors import SelectionError, nearest
from factory_core.kernel.fences import apart
from factory_core.select.ground import only_polygons, to_crs


def read_geofence(path: Path) -> gpd.GeoSeries:
    """Polygons of a file, in its own CRS, which need not be that of the scenes.

    Raises:
        SelectionError: It does not exist, holds no polygon, something else, or one that
            crosses itself.
        LabelError: It cannot be read, or has no CRS.
    """
    if not path.is_file():
        there = sorted(p.name for p in path.parent.glob("*") if p.is_file())
        raise SelectionError(
            f"{path}, which `select.geofence` names, does not exist."
            f"{nearest(path.name, there)} Put it there, so that DVC sees it change."
        )
    return io.read_geofence(path, refused=SelectionError)


def cut_outlines(
    outlines: Mapping[str, gpd.GeoSeries], fence: gpd.GeoSeries, *, path: Path
) -> tuple[dict[str, gpd.GeoSeries], dict[str, gpd.GeoSeries]]:
    """The ground of each scene inside the geofence, and what is left of it outside.

    Raises:
        SelectionError: No scene has ground inside.
    """
    inside, outside = {}, {}
    whole = gpd.GeoSeries([union_all(fence.to_numpy())], crs=fence.crs)
    for name, outline in outlines.items():
        polygon = to_crs(whole, str(outline.crs)).iloc[0]
        kept = only_polygons(outline.iloc[0].intersection(polygon))
        left = only_polygons(outline.iloc[0].difference(polygon))
        if kept.area:
            inside[name] = gpd.GeoSeries([kept], crs=outline.crs)
        if left.area:
            outside[name] = gpd.GeoSeries([left], crs=outline.crs)
    if not inside:
        named, advice = f"{path}, which `select.geofence` names,", "widen `select.where`"
        raise SelectionError(apart(fence, outlines.values(), named=named, advice=advice))
    return inside, outside
