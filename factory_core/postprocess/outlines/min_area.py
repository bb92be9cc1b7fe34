"""Detections -> detections: drop what is too small."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class MinArea:
    """Keep polygons of at least `min_area_m2` square metres on the ground.

    Attributes:
        min_area_m2: Least area that is kept.
    """

    min_area_m2: float

    def __post_init__(self) -> None:
        check_at_least(0, min_area_m2=self.min_area_m2)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections that are large enough."""
        return detections[detections.area >= self.min_area_m2]
