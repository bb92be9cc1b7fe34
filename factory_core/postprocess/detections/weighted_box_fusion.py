"""Detections -> detections: boxes of one object become their mean."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.kernel.merging import fuse
from factory_core.postprocess.kinds import Polygons


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
        return fuse(detections, max_iou=self.max_iou, voters=self.models, per_class=self.per_class)
