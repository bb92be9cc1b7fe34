"""Where the windows of a scene lie: inside an area, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
from odc.geo.geobox import GeoBox
from shapely import box
from shapely.affinity import affine_transform
from shapely.geometry import Polygon

from factory_core.kernel.geo import starts_px, window_at

TOLERANCE_PX = 0.5


def cut_windows_inside(
    area: gpd.GeoSeries, *, scene: GeoBox, size_px: int, overlap_px: int = 0
) -> Iterator[GeoBox]:
    """Cut windows that lie wholly inside an area, to half a pixel, and inside the scene.

    In each row of windows every stretch of the area that is wide enough is covered, its
    last window moved back into it.

    Args:
        area: Polygons in the CRS of `scene`; touching ones are one area.
        scene: Grid of the scene.
        size_px: Side of a window.
        overlap_px: Pixels that neighbours share, at least.

    Yields:
        Windows on the grid of `scene`, row by row.
    """
    height, width = scene.shape
    to_px = ~scene.affine
    numbers = (to_px.a, to_px.b, to_px.d, to_px.e, to_px.c, to_px.f)
    in_px = affine_transform(area.union_all(), numbers).intersection(box(0, 0, width, height))
    polygons = [part for part in getattr(in_px, "geoms", [in_px]) if isinstance(part, Polygon)]
    for polygon in polygons:
        left, top, right, bottom = _whole_pixels(polygon.bounds, width=width, height=height)
        if min(right - left, bottom - top) < size_px:
            continue
        allowed = polygon.buffer(TOLERANCE_PX, join_style="mitre")
        for row in starts_px(bottom - top, size_px=size_px, overlap_px=overlap_px):
            strip = box(left, top + row, right, top + row + size_px)
            for start, stop in _free(strip.difference(allowed), left, right):
                for column in starts_px(stop - start, size_px=size_px, overlap_px=overlap_px):
                    if column + size_px <= stop - start:
                        yield window_at(
                            scene, row=top + row, column=start + column, shape=(size_px, size_px)
                        )


def _whole_pixels(
    bounds: tuple[float, float, float, float], *, width: int, height: int
) -> tuple[int, int, int, int]:
    left, top, right, bottom = bounds
    return (
        max(round(left), 0),
        max(round(top), 0),
        min(round(right), width),
        min(round(bottom), height),
    )


def _free(blocked: Polygon, left: int, right: int) -> Iterator[tuple[int, int]]:
    """Columns `[start, stop)` between `left` and `right` that nothing in `blocked` stands over."""
    start = left
    parts = [part for part in getattr(blocked, "geoms", [blocked]) if not part.is_empty]
    for low, _, high, _ in sorted(part.bounds for part in parts):
        if int(low) > start:
            yield start, int(low)
        start = max(start, -int(-high // 1))
    if start < right:
        yield start, right
