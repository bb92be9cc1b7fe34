"""Score map -> score map: close small holes in regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from factory_core.kernel.geo import ScoreMap, resolution_m
from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.score_maps.bands import Regions, find_regions, map_bands


@dataclass(frozen=True)
class FillHoles:
    """Fill regions of score 0 of at most `max_area_m2` with the lowest score on their rim.

    What touches the edge of the scene is no hole. In strips: besides the score map, memory holds
    the labels of one strip.

    Attributes:
        max_area_m2: Largest hole that is filled.
    """

    max_area_m2: float

    def __post_init__(self) -> None:
        check_at_least(0, max_area_m2=self.max_area_m2)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map without small holes."""
        pixel_m2 = resolution_m(score_map.geobox) ** 2
        return map_bands(score_map, lambda band: self._fill(band, pixel_m2=pixel_m2))

    def _fill(self, band: np.ndarray, *, pixel_m2: float) -> np.ndarray:
        regions = find_regions(lambda rows: band[rows] == 0, height=len(band))
        hole = regions.sizes_px() * pixel_m2 <= self.max_area_m2 + 1e-9
        score = np.full(regions.count + 1, 255, np.uint8)
        for numbers, beside, at_edge in _rims(regions, band):
            hole[numbers[at_edge]] = False
            rim = (numbers > 0) & (beside > 0)
            np.minimum.at(score, numbers[rim], beside[rim])
        hole[0] = False
        out = band.copy()
        for rows, numbers in regions:
            inside = hole[numbers]
            out[rows][inside] = score[numbers[inside]]
        return out


def _rims(
    regions: Regions, band: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By strip and side: numbers of regions, the score beside each pixel, what is at the edge."""
    height, width = band.shape
    for rows, numbers in regions:
        up, down = max(rows.start - 1, 0), min(rows.stop + 1, height)
        around = np.pad(
            band[up:down], ((rows.start == 0, rows.stop == height), (1, 1)), constant_values=0
        )
        outside = np.pad(
            np.zeros((down - up, width), bool),
            ((rows.start == 0, rows.stop == height), (1, 1)),
            constant_values=True,
        )
        for side in (np.s_[:-2, 1:-1], np.s_[2:, 1:-1], np.s_[1:-1, :-2], np.s_[1:-1, 2:]):
            yield numbers, around[side], outside[side]
