"""Fences: polygons inside which alone something is looked for, held against what scenes show."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import pandas as pd
import shapely

LONGITUDE_LATITUDE = "EPSG:4326"


def meets(fence: gpd.GeoSeries, grounds: Iterable[gpd.GeoSeries]) -> bool:
    """Whether any of `grounds` reaches into the fence, each in a CRS of its own."""
    moved: dict[str, shapely.Geometry] = {}
    for ground in grounds:
        crs = str(ground.crs)
        if crs not in moved:
            moved[crs] = fence.to_crs(crs).union_all()
            shapely.prepare(moved[crs])
        if shapely.intersects(moved[crs], ground.to_numpy()).any():
            return True
    return False


def apart(
    fence: gpd.GeoSeries, grounds: Iterable[gpd.GeoSeries], *, named: str, advice: str
) -> str:
    """What to say of a fence that no ground reaches into: where both lie, and what to do.

    Args:
        fence: Polygons.
        grounds: What each scene shows, each in a CRS of its own.
        named: What names the fence, a key say, to begin with.
        advice: What to do if the place is meant, to end with.
    """
    return (
        f"{named} has no ground of these scenes inside: nothing would be found. It spans "
        f"{_span([fence])}; the scenes span {_span(grounds)}. Its CRS is {fence.crs.name}: check "
        f"that and its place, or {advice}."
    )


def _span(shapes: Iterable[gpd.GeoSeries]) -> str:
    """Extent in degrees, to about a metre."""
    bounds = pd.concat([series.to_crs(LONGITUDE_LATITUDE).bounds for series in shapes])
    west, south = bounds[["minx", "miny"]].min()
    east, north = bounds[["maxx", "maxy"]].max()
    return f"longitude {west:.5f} to {east:.5f}, latitude {south:.5f} to {north:.5f}"
