"""Boxes of windows moved into the scene, each kept by the one window that sees it best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from factory_core.kernel import io
from factory_core.kernel.geo import Raster
from factory_core.predict.layout import Layout
from factory_core.predict.model import Ensemble

MIN_SCORE = 0.01


def collect_block(
    batches: Iterable[tuple[list[tuple[int, int]], np.ndarray]],
    *,
    layout: Layout,
    ensemble: Ensemble,
) -> np.ndarray:
    """Candidates of a block's windows.

    A box counts where its centre lies in the core of its window, the pixels nearer to
    its middle than to a neighbour's: cores share out the scene, so an object that
    several windows see comes once.

    Args:
        batches: Places of windows in the layout, and their pixels.
        layout: The windows of the scene.
        ensemble: Models that give boxes.

    Returns:
        `(candidate, 6)` float64: x_min, y_min, x_max, y_max in pixels of the scene,
        score of at least `MIN_SCORE`, number of the class.
    """
    found = [np.empty((0, 6))]
    for places, images in batches:
        boxes, scores, classes = ensemble.boxes(images)
        for place, *window in zip(places, boxes, scores, classes, strict=True):
            found.append(_of_window(place, *window, layout=layout))
    return np.concatenate(found)


def _of_window(
    place: tuple[int, int],
    boxes: np.ndarray,
    scores: np.ndarray,
    classes: np.ndarray,
    *,
    layout: Layout,
) -> np.ndarray:
    row, column = place
    x0, y0 = layout.columns.starts[column], layout.rows.starts[row]
    moved = boxes + np.array([x0, y0, x0, y0], np.float64)
    x, y = (moved[:, 0] + moved[:, 2]) / 2, (moved[:, 1] + moved[:, 3]) / 2
    left, right = layout.columns.cores[column]
    top, bottom = layout.rows.cores[row]
    kept = (x >= left) & (x < right) & (y >= top) & (y < bottom) & (scores >= MIN_SCORE)
    kept &= (moved[:, 2] > moved[:, 0]) & (moved[:, 3] > moved[:, 1])
    return np.asarray(np.column_stack([moved, scores, classes])[kept])


def write(files: Sequence[Path], out: Path, *, raster: Raster, classes: tuple[str, ...]) -> None:
    """Write the candidates of a scene as GeoParquet, in the CRS of the scene.

    Args:
        files: Candidates of each computed block.
        out: File to write.
        raster: The scene, for its grid.
        classes: Names of the classes by number.
    """
    rows = np.concatenate([np.empty((0, 6)), *(np.load(file) for file in files)])
    x_min, y_min, x_max, y_max, scores, numbers = rows.T
    corners = np.stack(
        [
            np.stack([x_min, x_max, x_max, x_min, x_min], axis=1),
            np.stack([y_min, y_min, y_max, y_max, y_min], axis=1),
        ],
        axis=-1,
    )
    affine = raster.geobox.affine
    ground = corners @ np.array([[affine.a, affine.d], [affine.b, affine.e]])
    ground += [affine.c, affine.f]
    frame = gpd.GeoDataFrame(
        {
            "score": np.clip(scores, 0, 1),
            "label": np.array(classes, dtype=object)[numbers.astype(int)],
            "scene_id": raster.scene_id,
        },
        geometry=shapely.polygons(ground),
        crs=str(raster.geobox.crs),
    )
    io.write_by_scene([frame], out)
