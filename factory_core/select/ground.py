"""Scenes that lie together on the ground, and the cells of a grid over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import shapely
from shapely import STRtree, union_all
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from factory_core.select.units import group

# Straight edges bend from one CRS to the next: they are bent in steps of this length.
STEP_M = 50.0
GLOBE = "EPSG:4326"

Cell = tuple[int, int]


def neighbours(outlines: Mapping[str, gpd.GeoSeries], *, gap_m: float) -> list[list[str]]:
    """Scenes that overlap or lie within `gap_m`, directly or by way of others, together."""
    return group(sorted(outlines), touching(outlines, gap_m=gap_m))


def touching(outlines: Mapping[str, gpd.GeoSeries], *, gap_m: float) -> list[tuple[str, str]]:
    """Pairs of scenes that overlap or lie within `gap_m` of each other."""
    names = sorted(outlines)
    if len(names) < 2:
        return []
    # Half the gap around each of two is the gap between them; where they only touch, a
    # millimetre keeps rounding from deciding.
    reach = [to_crs(outlines[name].buffer(gap_m / 2 + 1e-3), GLOBE).iloc[0] for name in names]
    one, two = STRtree(reach).query(reach, predicate="intersects")
    return [(names[a], names[b]) for a, b in zip(one.tolist(), two.tolist(), strict=True) if a < b]


def cut_into_cells(
    outlines: Mapping[str, gpd.GeoSeries], *, block_m: float
) -> dict[Cell, dict[str, BaseGeometry]]:
    """Cut neighbouring scenes along one grid, that of the CRS of the first of them.

    Args:
        outlines: One polygon a scene, in the CRS of the scene.
        block_m: Side of a cell; the grid is counted from the origin of the CRS.

    Returns:
        For each cell, row by row, the ground that each scene shows of it, in its own CRS.
    """
    crs = next(iter(outlines.values())).crs
    cells: dict[Cell, dict[str, BaseGeometry]] = {}
    for name, outline in outlines.items():
        shown = to_crs(outline, str(crs)).iloc[0]
        if shown.is_empty:
            continue
        left, low, right, high = np.asarray(shown.bounds) / block_m
        columns, rows = np.meshgrid(
            np.arange(np.floor(left), np.ceil(right)), np.arange(np.floor(low), np.ceil(high))
        )
        x, y = columns.ravel() * block_m, rows.ravel() * block_m
        squares = shapely.box(x, y, x + block_m, y + block_m)
        shapely.prepare(shown)
        met = np.flatnonzero(shapely.intersects(shown, squares))
        pieces = gpd.GeoSeries(shapely.intersection(shown, squares[met]), crs=crs)
        pieces = to_crs(pieces[shapely.area(pieces) > 0], str(outline.crs))
        for place, piece in zip(met[pieces.index].tolist(), pieces, strict=True):
            cell = (int(columns.flat[place]), int(rows.flat[place]))
            cells.setdefault(cell, {})[name] = only_polygons(piece)
    return {cell: cells[cell] for cell in sorted(cells, key=lambda cell: cell[::-1])}


def only_polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The part of `geometry` that has an area: cuts leave points and lines behind."""
    if geometry.geom_type == "Polygon":
        return geometry
    parts = [part for part in getattr(geometry, "geoms", [geometry]) if part.area > 0]
    return union_all(parts) if parts else Polygon()


def to_crs(series: gpd.GeoSeries, crs: str) -> gpd.GeoSeries:
    """`series` in another CRS, long edges bent as the ground is."""
    if series.crs == crs or not len(series):
        return series.set_crs(crs, allow_override=True)
    step = STEP_M if series.crs.is_projected else STEP_M / 111_000
    return series.segmentize(step).to_crs(crs)


def move(geometry: BaseGeometry, *, source: object, target: object) -> BaseGeometry:
    """One geometry in another CRS."""
    if str(source) == str(target):
        return geometry
    return to_crs(gpd.GeoSeries([geometry], crs=source), str(target)).iloc[0]


def overlap_share(one: BaseGeometry, two: BaseGeometry) -> float:
    """Area in common, as a share of the smaller."""
    smaller = min(one.area, two.area)
    return float(one.intersection(two).area / smaller) if smaller else 0.0


def all_cells(
    groups: Sequence[Mapping[str, gpd.GeoSeries]], *, block_m: float
) -> list[dict[str, BaseGeometry]]:
    """The pieces of every cell of every group of neighbours."""
    return [pieces for own in groups for pieces in cut_into_cells(own, block_m=block_m).values()]
