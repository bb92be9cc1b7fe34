"""Where the windows of a scene lie: inside an area, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox
from shapely import box, get_coordinates
from shapely.affinity import affine_transform
from shapely.geometry import Polygon

from factory_core.kernel.geo import starts_px

TOLERANCE_PX = 0.5
# A window beside the regular ones is worth its cost when this share of it is new.
NEW_SHARE = 0.5
CELLS_A_SIDE = 8


def place_windows(
    area: gpd.GeoSeries, *, scene: GeoBox, size_px: int, overlap_px: int = 0
) -> Iterator[tuple[int, int]]:
    """Place windows that lie wholly inside an area, to half a pixel, and inside the scene.

    In each row of windows every stretch of the area that is wide enough is covered, its
    last window moved back into it. Where an area with corners has room between the rows,
    more windows follow that are at least half new.

    Args:
        area: Polygons in the CRS of `scene`; touching ones are one area.
        scene: Grid of the scene.
        size_px: Side of a window.
        overlap_px: Pixels that neighbours share, at least.

    Yields:
        Row and column, in `scene`, of the first pixel of each window.
    """
    height, width = scene.shape
    to_px = ~scene.affine
    numbers = (to_px.a, to_px.b, to_px.d, to_px.e, to_px.c, to_px.f)
    in_px = affine_transform(area.union_all(), numbers).intersection(box(0, 0, width, height))
    for polygon in getattr(in_px, "geoms", [in_px]):
        if isinstance(polygon, Polygon) and not polygon.is_empty:
            yield from _places(polygon, size_px=size_px, overlap_px=overlap_px)


def _places(polygon: Polygon, *, size_px: int, overlap_px: int) -> Iterator[tuple[int, int]]:
    """Row and column of the windows inside one polygon, all in pixels."""
    left, top, right, bottom = map(round, polygon.bounds)
    if min(right - left, bottom - top) < size_px:
        return
    allowed = polygon.buffer(TOLERANCE_PX, join_style="mitre")
    cell = max(1, size_px // CELLS_A_SIDE)
    seen = np.zeros(((bottom - top) // cell + 1, (right - left) // cell + 1), bool)
    rows = [top + row for row in starts_px(bottom - top, size_px=size_px, overlap_px=overlap_px)]
    for row in [*rows, *_rows_at_corners(polygon, size_px=size_px, regular=rows)]:
        strip = box(left, row, right, row + size_px)
        for start, stop in _free(strip.difference(allowed), left, right):
            for offset in starts_px(stop - start, size_px=size_px, overlap_px=overlap_px):
                column = start + offset
                covered = seen[
                    (row - top) // cell : (row - top + size_px) // cell,
                    (column - left) // cell : (column - left + size_px) // cell,
                ]
                if stop - column >= size_px and (row in rows or covered.mean() <= 1 - NEW_SHARE):
                    covered[...] = True
                    yield row, column


def _rows_at_corners(polygon: Polygon, *, size_px: int, regular: list[int]) -> list[int]:
    """Rows that begin below or end above a corner of the area, between the regular ones."""
    corners = np.unique(np.round(get_coordinates(polygon.simplify(size_px / 4))[:, 1])).astype(int)
    found = set(corners.tolist()) | set((corners - size_px).tolist())
    return sorted(row for row in found - set(regular) if regular[0] <= row <= regular[-1])


def _free(blocked: Polygon, left: int, right: int) -> Iterator[tuple[int, int]]:
    """Columns `[start, stop)` from `left` to `right` that nothing in `blocked` stands over."""
    start = left
    parts = [part for part in getattr(blocked, "geoms", [blocked]) if not part.is_empty]
    for low, _, high, _ in sorted(part.bounds for part in parts):
        if math.floor(low) > start:
            yield start, math.floor(low)
        start = max(start, math.ceil(high))
    if start < right:
        yield start, right
