"""Detections -> detections: drop what is not sure enough."""

from __future__ import annotations

from dataclasses import dataclass

from geopandas import GeoDataFrame

from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class MinScore:
    """Keep detections with a score of at least `min_score`.

    Attributes:
        min_score: Least score that is kept, in [0, 1].
    """

    min_score: float

    def __post_init__(self) -> None:
        check_within(0, 1, min_score=self.min_score)

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections that are sure enough."""
        return detections[detections["score"] >= self.min_score]
