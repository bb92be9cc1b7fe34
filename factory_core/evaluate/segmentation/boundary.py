"""Boundary IoU: how well the edges of surfaces are drawn, counted window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from scipy.ndimage import minimum_filter

from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, mean_where_known, ratio
from factory_core.evaluate.pixels import cover, cut_apart
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene
from factory_core.kernel.geo import footprint, resolution_m, window_at
from factory_core.kernel.limits import check_at_least

# Of the diagonal of an image, in the paper.
SHARE = 0.02


@dataclass(frozen=True)
class BoundaryIou(Metric):
    """Intersection over union of the pixels near the edges of detections and of labels.

    Of each side only the pixels count that lie in it, no further than `distance_m` from its
    edge, so that large surfaces are judged by their edges and not by their insides. The edge
    of the split is one too, as that of an image is in the paper. The mean over the classes
    that cover any pixel, and by class.

    Attributes:
        distance_m: How deep the edge is, in whole pixels, at least one; 0: 2 % of the diagonal
            of the scene, as in the paper, whose images are small.

    Source: Cheng, Girshick, Dollar, Berg and Kirillov, Boundary IoU (2021),
    https://arxiv.org/abs/2103.16562; the distance is that of its code, the larger of those
    along rows and columns.
    """

    distance_m: float

    group: ClassVar = "Outlines and area"
    gives: ClassVar = {
        "boundary_iou": Quantity(
            "Boundary IoU", "pixels near the edges of both, over pixels near the edges of either"
        )
    }

    def __post_init__(self) -> None:
        """Refuse a distance below nothing."""
        check_at_least(0, distance_m=self.distance_m)

    def __call__(self, results: Results) -> Sums:
        """Count the pixels near edges by scene and class."""
        names = results.taxonomy.names
        count = partial(count_edges, classes=names, distance_m=self.distance_m)
        rows = results.compute.map(count, list(results.scenes), label="evaluate: edges")

        def numbers(sums: np.ndarray) -> dict[str, Number]:
            both, either = np.moveaxis(sums.reshape(len(sums), -1, 2), -1, 0)
            by_class = ratio(both, either)
            named = {"boundary_iou": Number(mean_where_known(by_class, axis=1), either.sum(axis=1))}
            for at, name in enumerate(names):
                named[f"by_class/{name}/boundary_iou"] = Number(by_class[:, at], either[:, at])
            return named

        return Sums(np.array(rows, float).reshape(len(rows), -1), numbers)


def count_edges(scene: Scene, *, classes: Sequence[str], distance_m: float) -> np.ndarray:
    """Pixels near the edges of a scene: of detections and labels both, and of either.

    Memory holds a window and what lies within the distance around it, however large the scene.

    Returns:
        `(class, 2)`: size of the intersection and of the union.
    """
    diagonal_px = float(np.hypot(*scene.geobox.shape))
    distance_px = distance_m / resolution_m(scene.geobox) if distance_m else SHARE * diagonal_px
    around_px = max(1, round(distance_px))
    counts = np.zeros((len(classes), 2), np.int64)
    sides = [
        [frame.geometry[frame["label"] == name].to_numpy() for name in classes]
        for frame in (scene.detections, scene.labels)
    ]
    trees = [[shapely.STRtree(shapes) for shapes in side] for side in sides]
    for window in cut_apart(scene.geobox):
        wide = _widened(window, by_px=around_px)
        outline = footprint(wide)
        area = scene.area.intersection(outline)
        if not area.intersects(footprint(window)):
            continue
        inside = cover(np.array([area]), window=wide)
        for index in range(len(classes)):
            found, true = (
                _edge(
                    cover(side[index][tree[index].query(outline)], window=wide) & inside,
                    depth_px=around_px,
                )
                for side, tree in zip(sides, trees, strict=True)
            )
            counts[index] += np.sum(found & true), np.sum(found | true)
    return counts


def _widened(window: GeoBox, *, by_px: int) -> GeoBox:
    height, width = window.shape
    return window_at(
        window, row=-by_px, column=-by_px, shape=(height + 2 * by_px, width + 2 * by_px)
    )


def _edge(mask: np.ndarray, *, depth_px: int) -> np.ndarray:
    """Pixels of a mask near its edge, of the window without what lies around it."""
    inner = minimum_filter(mask, size=2 * depth_px + 1, mode="constant", cval=0)
    edge: np.ndarray = (mask & ~inner)[depth_px:-depth_px, depth_px:-depth_px]
    return edge
