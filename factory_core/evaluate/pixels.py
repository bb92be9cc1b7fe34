"""Pixels that detections and labels cover, counted window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, mean_where_known, ratio
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene
from factory_core.kernel.geo import footprint, window_at

WINDOW_PX = 2048


@dataclass(frozen=True)
class PixelIou(Metric):
    """Intersection over union and F1 of the pixels that detections and labels cover.

    The mean over the classes that cover any pixel (mIoU), and by class.

    Source: Everingham et al., The Pascal Visual Object Classes Challenge: A Retrospective
    (2015), section 4.2; F1 of pixels is the coefficient of Dice, Ecology 26 (1945), 297.
    """

    group: ClassVar = "Outlines and area"
    gives: ClassVar = {
        "pixel_iou": Quantity(
            "Pixel IoU", "pixels of both detections and labels, over pixels of either"
        ),
        "pixel_f1": Quantity("Pixel F1", "harmonic mean of precision and recall of pixels"),
    }

    def __call__(self, results: Results) -> Sums:
        """Count pixels by scene and class."""
        counts = results.shared(covered_pixels)
        names = results.taxonomy.names

        def numbers(sums: np.ndarray) -> dict[str, Number]:
            both, either = np.moveaxis(sums.reshape(len(sums), -1, 2), -1, 0)
            named: dict[str, Number] = {}
            # Pixels of detections and of labels, added up, are those of both and of either.
            for key, by_class in (
                ("pixel_iou", ratio(both, either)),
                ("pixel_f1", ratio(2 * both, both + either)),
            ):
                named[key] = Number(mean_where_known(by_class, axis=1), either.sum(axis=1))
                for at, name in enumerate(names):
                    named[f"by_class/{name}/{key}"] = Number(by_class[:, at], either[:, at])
            return named

        return Sums(counts.reshape(len(counts), -1), numbers)


def covered_pixels(results: Results) -> np.ndarray:
    """`(scene, class, 2)` of `count_pixels`; to be called by `Results.shared`."""
    count = partial(count_pixels, classes=results.taxonomy.names)
    shape = (len(results.scenes), len(results.taxonomy.names), 2)
    counts = results.compute.map(count, list(results.scenes), label="evaluate: pixels")
    return np.array(counts, np.int64).reshape(shape)


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
    for window in cut_apart(scene.geobox):
        outline = footprint(window)
        area = scene.area.intersection(outline)
        if area.is_empty:
            continue
        inside = cover(np.array([area]), window=window)
        for index in range(len(classes)):
            found, true = (
                cover(side[index][tree[index].query(outline)], window=window) & inside
                for side, tree in zip(sides, trees, strict=True)
            )
            counts[index] += np.sum(found & true), np.sum(found | true)
    return counts


def cut_apart(scene: GeoBox) -> Iterator[GeoBox]:
    """Windows that cover every pixel once; the last of a row or column is smaller."""
    height, width = scene.shape
    for row in range(0, height, WINDOW_PX):
        for column in range(0, width, WINDOW_PX):
            shape = (min(WINDOW_PX, height - row), min(WINDOW_PX, width - column))
            yield window_at(scene, row=row, column=column, shape=shape)


def cover(shapes: np.ndarray, *, window: GeoBox) -> np.ndarray:
    """`(height, width)` whether the centre of a pixel lies in any of the shapes."""
    shapes = shapes[~shapely.is_empty(shapes)]
    if not len(shapes):
        return np.zeros(window.shape, bool)
    covered: np.ndarray = rasterize(
        shapes.tolist(), out_shape=window.shape, transform=window.affine, dtype="uint8"
    )
    return covered.astype(bool)
