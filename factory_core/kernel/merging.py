"""Detections of one object made one: what predict and postprocess share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.overlaps import Overlap, find_objects
from factory_core.kernel.rectangles import Rectangles, rectangles_around, turned


def keep_best(
    detections: GeoDataFrame,
    *,
    max_iou: float,
    overlap_of: Literal["box", "geometry"],
    per_class: bool,
) -> GeoDataFrame:
    """Of detections that overlap, keep the best: greedy non-maximum suppression.

    Felzenszwalb et al. 2010 (https://doi.org/10.1109/TPAMI.2009.167): by falling score, a
    detection is kept unless it overlaps too much with one that is kept already. Equal scores are
    decided by position, so the order of rows does not matter.

    Args:
        detections: Polygons with `score` and `label`.
        max_iou: Largest intersection over union of two detections that are both kept.
        overlap_of: Whether the geometries themselves are compared, or the upright boxes around.
        per_class: Whether only detections of the same class compete.

    Returns:
        Those that are kept, in the order they came in.
    """
    best = find_objects(detections, overlap=Overlap(overlap_of), above=max_iou, per_class=per_class)
    return detections[best == np.arange(len(best))]


def fuse(detections: GeoDataFrame, *, max_iou: float, voters: int, per_class: bool) -> GeoDataFrame:
    """Give each object the mean of the boxes on it, weighted by their scores.

    Solovyev et al. 2021, Weighted Boxes Fusion (https://arxiv.org/abs/1910.13302): a score is the
    mean of an object's, times the share of the voters that saw it. Here boxes may lie in any
    direction, and an object is the best box with those that overlap it, where the paper compares
    with the running mean: so the order of rows does not matter. What is no rectangle becomes the
    smallest one around it.

    Args:
        detections: Polygons with `score` and `label`.
        max_iou: Boxes that overlap the best one by more are of its object.
        voters: How many boxes an object should have; with fewer it is less sure.
        per_class: Whether only detections of the same class are fused.

    Returns:
        One box an object, in the order of the best ones.
    """
    best = find_objects(detections, overlap=Overlap("geometry"), above=max_iou, per_class=per_class)
    kept, number = np.unique(best, return_inverse=True)
    boxes = rectangles_around(detections.geometry.to_numpy())
    scores = detections["score"].to_numpy(float)
    fused = _mean(boxes, kept=kept, number=number, weights=scores)
    count = np.bincount(number, minlength=len(kept))
    share = np.minimum(count, voters) / voters
    mean = np.bincount(number, weights=scores, minlength=len(kept)) / np.maximum(count, 1)
    found = detections.iloc[kept].assign(score=np.minimum(mean * share, 1))
    return found.set_geometry(fused.polygons(), crs=detections.crs)


def _mean(
    boxes: Rectangles, *, kept: np.ndarray, number: np.ndarray, weights: np.ndarray
) -> Rectangles:
    """Mean of the boxes of each object, their sides and turns told as the best one's are."""
    turn = boxes.angle - boxes.angle[kept][number]
    quarters = np.rint(turn / (np.pi / 2)).astype(int)
    turn = turn - quarters * np.pi / 2
    across = quarters % 2 == 1
    sides = np.column_stack(
        [
            np.where(across, boxes.width, boxes.length),
            np.where(across, boxes.length, boxes.width),
        ]
    )
    # Boxes without any score weigh alike.
    weights = np.maximum(weights, 1e-9)
    total = np.bincount(number, weights=weights, minlength=len(kept))

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(number, weights=weights * values, minlength=len(kept)) / total

    centre = np.column_stack([mean(boxes.centre[:, 0]), mean(boxes.centre[:, 1])])
    return Rectangles(centre, mean(sides[:, 0]), mean(sides[:, 1]), boxes.angle[kept] + mean(turn))


def join(detections: GeoDataFrame, *, max_share: float, per_class: bool) -> GeoDataFrame:
    """Put one box around detections that lie in each other, in the direction of the best one.

    Greedy non-maximum merging of SAHI (Akyon et al. 2022, https://arxiv.org/abs/2202.06934): the
    overlap is measured against the smaller one, so that a piece counts that lies in the whole. The
    best score is kept.

    Args:
        detections: Polygons with `score` and `label`.
        max_share: Detections of whose smaller one a larger share is common are of one object.
        per_class: Whether only detections of the same class are joined.

    Returns:
        One detection an object, in the order of the best ones; alone, it keeps its shape.
    """
    best = find_objects(
        detections, overlap=Overlap("geometry", "smaller"), above=max_share, per_class=per_class
    )
    kept, number = np.unique(best, return_inverse=True)
    shapes = detections.geometry.to_numpy()
    angle = rectangles_around(shapes[kept]).angle
    joined = around_groups(shapes, number=number, angle=angle)
    alone = np.bincount(number, minlength=len(kept)) == 1
    shape = np.where(alone, shapes[kept], joined.polygons())
    return detections.iloc[kept].set_geometry(shape, crs=detections.crs)


def around_groups(shapes: np.ndarray, *, number: np.ndarray, angle: np.ndarray) -> Rectangles:
    """The smallest rectangle of each direction `angle` around the shapes of each number."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    group = number[owner]
    points = turned(points, -angle[group])
    low = np.full((len(angle), 2), np.inf)
    high = np.full((len(angle), 2), -np.inf)
    np.minimum.at(low, group, points)
    np.maximum.at(high, group, points)
    centre = turned((low + high) / 2, angle)
    along, across = (high - low).T
    return Rectangles(centre, along, across, angle)
