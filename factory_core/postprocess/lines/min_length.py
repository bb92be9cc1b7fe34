"""Detections -> detections: drop lines that are too short."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Lines


@dataclass(frozen=True)
class MinLength:
    """Keep lines of at least `min_length_m` metres on the ground.

    Attributes:
        min_length_m: Least length that is kept.
    """

    min_length_m: float

    def __post_init__(self) -> None:
        check_at_least(0, min_length_m=self.min_length_m)

    def __call__(self, detections: Lines) -> Lines:
        """The lines that are long enough."""
        return detections[detections.length >= self.min_length_m]
