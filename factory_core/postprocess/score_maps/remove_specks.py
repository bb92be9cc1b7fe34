"""Score map -> score map: drop regions that are too small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.geo import ScoreMap, resolution_m
from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.score_maps.bands import find_regions, map_bands


@dataclass(frozen=True)
class RemoveSpecks:
    """Set regions of scores above 0 to 0 that cover less than `min_area_m2`.

    Pixels belong together where they share an edge, as for `polygonise`. In strips: besides the
    score map, memory holds the labels of one strip.

    Attributes:
        min_area_m2: Least area that is kept.
    """

    min_area_m2: float

    def __post_init__(self) -> None:
        check_at_least(0, min_area_m2=self.min_area_m2)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map without small regions."""
        pixel_m2 = resolution_m(score_map.geobox) ** 2
        return map_bands(score_map, lambda band: self._drop(band, pixel_m2=pixel_m2))

    def _drop(self, band: np.ndarray, *, pixel_m2: float) -> np.ndarray:
        regions = find_regions(lambda rows: band[rows] > 0, height=len(band))
        small = regions.sizes_px() * pixel_m2 < self.min_area_m2 - 1e-9
        out = band.copy()
        for rows, numbers in regions:
            out[rows][small[numbers]] = 0
        return out
