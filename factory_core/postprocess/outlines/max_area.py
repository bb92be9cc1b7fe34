"""Detections -> detections: drop what is too large."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class MaxArea:
    """Keep polygons of at most `max_area_m2` square metres on the ground.

    Attributes:
        max_area_m2: Largest area that is kept.
    """

    max_area_m2: float

    def __post_init__(self) -> None:
        check_at_least(0, max_area_m2=self.max_area_m2)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections that are small enough."""
        return detections[detections.area <= self.max_area_m2]
