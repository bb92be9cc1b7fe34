"""Pixels that detections and labels cover, counted window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from factory_core.evaluate.scenes import Scene
from factory_core.kernel.geo import footprint, window_at

WINDOW_PX = 2048


def count_pixels(scene: Scene, *, classes: Sequence[str]) -> np.ndarray:
    """Pixels of a scene inside the area of the split: covered by both, covered by either.

    What counts is what is deployed: the final detections, rasterised (a pixel belongs
    to a polygon that holds its centre) and not the score map.

    Returns:
        `(class, 2)`: size of the intersection and of the union.
    """
    counts = np.zeros((len(classes), 2), np.int64)
    sides = [
        [frame.geometry[frame["label"] == name].to_numpy() for name in classes]
        for frame in (scene.detections, scene.labels)
    ]
    trees = [[shapely.STRtree(shapes) for shapes in side] for side in sides]
    for window in _cut_apart(scene.geobox):
        outline = footprint(window)
        area = scene.area.intersection(outline)
        if area.is_empty:
            continue
        inside = _mask(np.array([area]), window=window)
        for index in range(len(classes)):
            found, true = (
                _mask(side[index][tree[index].query(outline)], window=window) & inside
                for side, tree in zip(sides, trees, strict=True)
            )
            counts[index] += np.sum(found & true), np.sum(found | true)
    return counts


def _cut_apart(scene: GeoBox) -> Iterator[GeoBox]:
    """Windows that cover every pixel once; the last of a row or column is smaller."""
    height, width = scene.shape
    for row in range(0, height, WINDOW_PX):
        for column in range(0, width, WINDOW_PX):
            shape = (min(WINDOW_PX, height - row), min(WINDOW_PX, width - column))
            yield window_at(scene, row=row, column=column, shape=shape)


def _mask(shapes: np.ndarray, *, window: GeoBox) -> np.ndarray:
    shapes = shapes[~shapely.is_empty(shapes)]
    if not len(shapes):
        return np.zeros(window.shape, bool)
    covered: np.ndarray = rasterize(
        shapes.tolist(), out_shape=window.shape, transform=window.affine, dtype="uint8"
    )
    return covered.astype(bool)


def intersection_over_union(counts: np.ndarray) -> list[float | None]:
    """Pixel IoU of each class; None where neither detections nor labels cover a pixel.

    Args:
        counts: `(class, 2)`, the sum of `count_pixels` over scenes.

    Source: Everingham et al., The Pascal Visual Object Classes Challenge: A Retrospective
    (2015), section 4.2.
    """
    return [both / either if either else None for both, either in counts.tolist()]
