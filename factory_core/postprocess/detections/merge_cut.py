"""Detections -> detections: the pieces of an object that window edges cut become one."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_within
from factory_core.kernel.merging import join
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class MergeCut:
    """Put one box around detections that lie in each other, in the direction of the best one.

    Greedy non-maximum merging of SAHI (Akyon et al. 2022, https://arxiv.org/abs/2202.06934): the
    overlap is measured against the smaller one, so that a piece counts that lies in the whole. The
    best score is kept.

    Attributes:
        max_share: Detections of whose smaller one a larger share is common are of one object.
        per_class: Whether only detections of the same class are merged.
    """

    max_share: float
    per_class: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_share=self.max_share)

    def __call__(self, detections: Polygons) -> Polygons:
        """One detection an object, in the order of the best ones; alone, it keeps its shape."""
        return join(detections, max_share=self.max_share, per_class=self.per_class)
