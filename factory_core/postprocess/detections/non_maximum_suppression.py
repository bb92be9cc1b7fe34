"""Detections -> detections: one object, one detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from factory_core.kernel.limits import check_within
from factory_core.kernel.merging import keep_best
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class NonMaximumSuppression:
    """Of detections of a class that overlap by more than `max_iou`, keep the best.

    Greedy, after Felzenszwalb et al. 2010 (https://doi.org/10.1109/TPAMI.2009.167): by falling
    score, a detection is kept unless it overlaps too much with one that is kept already. Equal
    scores are decided by position, so the order of rows does not matter.

    Attributes:
        max_iou: Largest intersection over union of two detections that are both kept.
        overlap_of: Whether the geometries themselves are compared, or the upright boxes around
            them: `geometry` is right for objects that lie askew and as fast for upright boxes.
        per_class: Whether only detections of the same class compete.
    """

    max_iou: float
    overlap_of: Literal["box", "geometry"]
    per_class: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_iou=self.max_iou)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections that are kept, in the order they came in."""
        return keep_best(
            detections,
            max_iou=self.max_iou,
            overlap_of=self.overlap_of,
            per_class=self.per_class,
        )
