"""Boxes of windows moved into the scene, and there made one an object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from factory_core.kernel import io
from factory_core.kernel.geo import Raster, oriented_corners
from factory_core.predict.layout import Layout
from factory_core.predict.merge import IN_CORE
from factory_core.predict.signature import BOX_NUMBERS, Signature

MIN_SCORE = 0.01


def collect_block(
    found: Iterable[tuple[Sequence[tuple[int, int]], tuple[np.ndarray, ...]]],
    *,
    layout: Layout,
    numbers: int,
    cores_only: bool,
) -> np.ndarray:
    """Candidates of a block's windows.

    Args:
        found: Places of windows in the layout, and their boxes, scores and classes.
        layout: The windows of the scene.
        numbers: How many numbers a box has.
        cores_only: Whether a box counts only where its centre lies in the core of its window, the
            pixels nearer to its middle than to a neighbour's: cores share out the scene, so an
            object that several windows see comes once.

    Returns:
        `(candidate, numbers + 3)` float64: the numbers of a box as the models give them, but
        in pixels of the scene, a score of at least `MIN_SCORE`, the number of the class, and
        1 where the centre lies in the core, else 0.
    """
    rows = [np.empty((0, numbers + 3))]
    for places, results in found:
        for place, *window in zip(places, *results, strict=True):
            rows.append(_of_window(place, *window, layout=layout, cores_only=cores_only))
    return np.concatenate(rows)


def _of_window(
    place: tuple[int, int],
    boxes: np.ndarray,
    scores: np.ndarray,
    classes: np.ndarray,
    *,
    layout: Layout,
    cores_only: bool,
) -> np.ndarray:
    row, column = place
    x0, y0 = layout.columns.starts[column], layout.rows.starts[row]
    moved = boxes.astype(np.float64)
    if moved.shape[1] == BOX_NUMBERS["boxes"]:
        moved += [x0, y0, x0, y0]
        x, y = (moved[:, 0] + moved[:, 2]) / 2, (moved[:, 1] + moved[:, 3]) / 2
        sides = moved[:, 2:4] - moved[:, :2]
    else:
        moved += [x0, y0, 0, 0, 0]
        x, y, sides = moved[:, 0], moved[:, 1], moved[:, 2:4]
    left, right = layout.columns.cores[column]
    top, bottom = layout.rows.cores[row]
    in_core = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    kept = (scores >= MIN_SCORE) & (sides > 0).all(axis=1)
    if cores_only:
        kept &= in_core
    return np.asarray(np.column_stack([moved, scores, classes, in_core])[kept])


def write(
    files: Sequence[Path],
    out: Path,
    *,
    raster: Raster,
    signature: Signature,
    merge: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame],
) -> None:
    """Write the candidates of a scene as GeoParquet, rectangles in the CRS of the scene.

    They are put in an order of their own first, so no result depends on that of the blocks.

    Args:
        files: Candidates of each computed block.
        out: File to write.
        raster: The scene, for its grid.
        signature: Of the models: the kind of their boxes, and the names of their classes.
        merge: Makes one candidate of all that were found of an object; gets all, with `in_core`.
    """
    numbers = BOX_NUMBERS[signature.task]
    rows = np.concatenate([np.empty((0, numbers + 3)), *(np.load(file) for file in files)])
    # Boxes that differ in nothing but their windows are alike to every merge.
    rows = rows[np.lexsort(rows[:, :-1].T)]
    boxes, scores, classes = rows[:, :numbers], rows[:, numbers], rows[:, numbers + 1]
    corners = (
        oriented_corners(boxes) if numbers == BOX_NUMBERS["oriented_boxes"] else _corners(boxes)
    )
    affine = raster.geobox.affine
    ground = corners @ np.array([[affine.a, affine.d], [affine.b, affine.e]])
    ground += [affine.c, affine.f]
    frame = gpd.GeoDataFrame(
        {
            "score": np.clip(scores, 0, 1),
            "label": np.array(signature.classes, dtype=object)[classes.astype(int)],
            "scene_id": raster.scene_id,
            IN_CORE: rows[:, -1] == 1,
        },
        geometry=shapely.polygons(ground),
        crs=str(raster.geobox.crs),
    )
    io.write_by_scene([merge(frame)], out)


def _corners(boxes: np.ndarray) -> np.ndarray:
    x_min, y_min, x_max, y_max = boxes.T
    x = np.stack([x_min, x_max, x_max, x_min], axis=1)
    return np.stack([x, np.stack([y_min, y_min, y_max, y_max], axis=1)], axis=-1)
