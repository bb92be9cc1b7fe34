"""Score map -> score map: weak scores count where they hang on a strong one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.limits import check_within
from factory_core.postprocess.score_maps.bands import find_regions, map_bands


@dataclass(frozen=True)
class HysteresisThreshold:
    """Keep regions of scores of at least `min_score` that reach `min_peak` somewhere.

    Canny 1986 (https://doi.org/10.1109/TPAMI.1986.4767851), section VI: outlines follow the low
    threshold, and noise that never reaches the high one is gone. In strips: besides the score map,
    memory holds the labels of one strip.

    Attributes:
        min_score: Least score of a pixel that is kept, in [0, 1].
        min_peak: Least score that a region must reach, in [0, 1], at least `min_score`.
    """

    min_score: float
    min_peak: float

    def __post_init__(self) -> None:
        check_within(0, 1, min_score=self.min_score, min_peak=self.min_peak)
        check_within(self.min_score, 1, min_peak=self.min_peak)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map with zeros outside the regions that are kept."""
        return map_bands(score_map, self._keep)

    def _keep(self, band: np.ndarray) -> np.ndarray:
        low, high = (math.ceil(s * 255 - 1e-9) for s in (self.min_score, self.min_peak))
        regions = find_regions(lambda rows: band[rows] >= max(low, 1), height=len(band))
        strong = np.zeros(regions.count + 1, bool)
        for rows, numbers in regions:
            strong[numbers[band[rows] >= high]] = True
        strong[0] = False
        out = np.zeros_like(band)
        for rows, numbers in regions:
            out[rows] = band[rows] * strong[numbers]
        return out
