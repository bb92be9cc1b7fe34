"""Detections -> detections: boxes of one object become their mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.postprocess.detections.overlaps import Overlap, find_objects
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.outlines.rectangles import Rectangles, rectangles_around


@dataclass(frozen=True)
class WeightedBoxFusion:
    """Give each object the mean of the boxes on it, weighted by their scores; best for ensembles.

    Solovyev et al. 2021, Weighted Boxes Fusion (https://arxiv.org/abs/1910.13302): a score is the
    mean of an object's, times the share of the models that saw it. Here boxes may lie in any
    direction, and an object is the best box with those that overlap it, where the paper compares
    with the running mean: so the order of rows does not matter. What is no rectangle becomes the
    smallest one around it.

    Attributes:
        max_iou: Boxes that overlap the best one by more are of its object.
        models: How many models' boxes came in; an object of fewer boxes is less sure.
        per_class: Whether only detections of the same class are fused.
    """

    max_iou: float
    models: int
    per_class: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_iou=self.max_iou)
        check_at_least(1, models=self.models)

    def __call__(self, detections: Polygons) -> Polygons:
        """One box an object, in the order of the best ones."""
        overlap = Overlap("geometry")
        best = find_objects(
            detections, overlap=overlap, above=self.max_iou, per_class=self.per_class
        )
        kept, number = np.unique(best, return_inverse=True)
        boxes = rectangles_around(detections.geometry.to_numpy())
        scores = detections["score"].to_numpy(float)
        fused = _mean(boxes, kept=kept, number=number, weights=scores)
        count = np.bincount(number, minlength=len(kept))
        share = np.minimum(count, self.models) / self.models
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
