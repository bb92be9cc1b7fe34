"""Score map -> score map: smoother scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from factory_core.kernel.geo import ScoreMap, resolution_m
from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.score_maps.bands import in_strips, map_bands

REACH = 4.0


@dataclass(frozen=True)
class Gaussian:
    """Average each score with its surroundings, weighted by a Gaussian bell of `sigma_m`.

    Beyond the scene its edge goes on. In strips that overlap by the reach of the bell, four sigma.

    Attributes:
        sigma_m: Standard deviation of the bell on the ground.
    """

    sigma_m: float

    def __post_init__(self) -> None:
        check_at_least(0, sigma_m=self.sigma_m)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Smooth score map."""
        sigma_px = self.sigma_m / resolution_m(score_map.geobox)

        def on_strip(rows: np.ndarray) -> np.ndarray:
            smooth = ndimage.gaussian_filter(
                rows, sigma_px, output=np.float32, mode="nearest", truncate=REACH
            )
            return np.asarray(np.rint(smooth), np.uint8)

        reach_px = int(np.ceil(REACH * sigma_px)) + 1
        return map_bands(score_map, lambda band: in_strips(band, on_strip, reach_px=reach_px))
