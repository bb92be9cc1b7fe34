"""What there is to cut in a scene: its windows, which labels each has, in which context it lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from factory_core.dataset.contexts import weigh_contexts
from factory_core.dataset.cut import Cut
from factory_core.dataset.target import Target
from factory_core.dataset.windows import place_windows
from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster, resolution_m

DTYPES = ("uint8", "uint16")
# Whether a window has data is seen in a view of the scene in which it is so many pixels wide.
LOOKED_AT_PX = 8
LARGEST_VIEW_PX = 8192


@dataclass(frozen=True)
class SceneToCut:
    """A processed scene with the area to cut and the labels in it.

    Attributes:
        split: `train` or `val`.
        path: The processed scene.
        area: Where windows may lie, in a CRS in metres.
        labels: With `class_index`, or None where there are none.
        contexts: Cells with the contexts measured there, or None.
    """

    split: str
    path: Path
    area: gpd.GeoSeries
    labels: gpd.GeoDataFrame | None
    contexts: gpd.GeoDataFrame | None


@dataclass(frozen=True)
class ScenePlan:
    """The windows of a scene, before any pixel is cut.

    Attributes:
        split: `train` or `val`.
        cut: Where they lie, and the labels that meet each.
        table: A row a window: `scene_id`, `row_px`, `column_px`, `labels` (how many it has),
            `count_<class>` for each class, and a column for each context.
        labels: How many labels the area has.
        shown: How many of them a window shows.
    """

    split: str
    cut: Cut
    table: pd.DataFrame
    labels: int
    shown: int


def check_scenes(paths: Sequence[Path]) -> Raster:
    """The first of `paths`, after checking that all have its bands, type and resolution.

    Raises:
        SceneError: They differ, or the type is not one that windows are kept in.
    """
    first = io.open_raster(paths[0])
    if first.dtype not in DTYPES:
        raise SceneError(
            f"{paths[0]} has pixels of type {first.dtype}. Windows are kept as "
            f"{' or '.join(DTYPES)}: add `to_8bit` to `process`."
        )
    for path in paths[1:]:
        other = io.open_raster(path)
        for what, here, there in (
            ("bands", first.bands, other.bands),
            ("the pixel type", first.dtype, other.dtype),
            ("pixels of (m)", _rounded_m(first), _rounded_m(other)),
        ):
            if here != there:
                raise SceneError(
                    f"{path} has {what} {there}, and {paths[0]} has {here}. One model takes one "
                    "kind of imagery: make them equal in `process` (`compose_bands`, `to_8bit`, "
                    "`reproject`), or leave one out by `select.where`."
                )
    return first


def plan_scene(
    scene: SceneToCut, *, target: Target, classes: Sequence[str], size_px: int, overlap_px: int
) -> ScenePlan:
    """Place the windows of a scene and count the labels of each; those without data left out."""
    raster = io.open_raster(scene.path)
    grid = raster.geobox
    area = scene.area.to_crs(str(grid.crs))
    places = place_windows(area, scene=grid, size_px=size_px, overlap_px=overlap_px)
    corners = np.array(list(places), np.int64).reshape(-1, 2)
    corners = corners[_with_data(scene.path, raster, corners, size_px=size_px)]
    row, column = corners.T
    outlines = shapely.box(column, row, column + size_px, row + size_px)
    shapes, numbers = _in_pixels(scene.labels, grid)
    pairs = shapely.STRtree(shapes).query(outlines, predicate="intersects").T
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    cut = Cut(scene.path, corners, size_px, shapes, numbers, pairs, resolution_m(grid))
    counts, seen = _count(cut, target=target, num_classes=len(classes))
    there = _inside(shapes, _moved(np.array([area.union_all()]), ~grid.affine)[0])
    table = pd.DataFrame(
        {
            "scene_id": raster.scene_id,
            "row_px": row,
            "column_px": column,
            "labels": counts.sum(axis=1),
            **{f"count_{name}": counts[:, index] for index, name in enumerate(classes)},
        }
    )
    if scene.contexts is not None:
        ground = gpd.GeoSeries(_moved(outlines, grid.affine), crs=str(grid.crs))
        table = table.join(weigh_contexts(scene.contexts, ground))
    return ScenePlan(scene.split, cut, table, int(there.sum()), int((there & seen).sum()))


def _with_data(path: Path, raster: Raster, corners: np.ndarray, *, size_px: int) -> np.ndarray:
    """Which windows have a pixel with data in a view of the scene; all where any pixel has."""
    if raster.nodata is None or len(corners) == 0:
        return np.ones(len(corners), bool)
    height, width = raster.geobox.shape
    longest = max(height, width) * LOOKED_AT_PX / size_px
    view = io.read_overview(path, max_px=max(1, math.ceil(min(longest, LARGEST_VIEW_PX))))
    data = ~np.ma.getmaskarray(view).all(axis=0)
    sums = np.pad(data.cumsum(axis=0, dtype=np.int64).cumsum(axis=1), ((1, 0), (1, 0)))
    scale = np.array(data.shape) / (height, width)
    low = np.floor(corners * scale).astype(int)
    high = np.minimum(np.ceil((corners + size_px) * scale).astype(int), data.shape)
    (top, left), (bottom, right) = low.T, high.T
    count = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    seen: np.ndarray = count > 0
    return seen


def _in_pixels(labels: gpd.GeoDataFrame | None, grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Shapes of the labels in pixels of the scene, and their classes."""
    if labels is None:
        return np.array([], object), np.array([], np.int64)
    shapes = labels.geometry.to_crs(str(grid.crs)).to_numpy()
    return _moved(shapes, ~grid.affine), labels["class_index"].to_numpy(np.int64)


def _moved(shapes: np.ndarray, by: Affine) -> np.ndarray:
    """Shapes with all their points moved."""
    matrix, shift = np.array([[by.a, by.b], [by.d, by.e]]), np.array([by.c, by.f])
    moved: np.ndarray = shapely.transform(shapes, lambda points: points @ matrix.T + shift)
    return moved


def _count(cut: Cut, *, target: Target, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels that the target sees in each window, by class: `(window, class)`; and which."""
    counts = np.zeros((len(cut), num_classes), np.int64)
    seen = np.zeros(len(cut.shapes), bool)
    for window in np.unique(cut.pairs[:, 0]):
        labels = cut.labels_of(range(window, window + 1))
        sees = target.sees(labels)
        counts[window] = np.bincount(labels.classes[sees], minlength=num_classes)
        start, stop = np.searchsorted(cut.pairs[:, 0], (window, window + 1))
        seen[cut.pairs[start:stop, 1][sees]] = True
    return counts, seen


def _inside(shapes: np.ndarray, area: BaseGeometry) -> np.ndarray:
    """Which labels lie in an area: where a point inside them does."""
    shapely.prepare(area)
    inside: np.ndarray = shapely.intersects(area, shapely.point_on_surface(shapes))
    return inside


def _rounded_m(raster: Raster) -> float:
    return float(f"{resolution_m(raster.geobox):.3g}")
