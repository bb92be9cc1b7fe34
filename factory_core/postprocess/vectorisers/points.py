"""Score map -> detections: connected regions become points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from scipy import ndimage

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import Points as Dots
from factory_core.postprocess.vectorisers.vectors import by_class


@dataclass(frozen=True)
class Points:
    """Put a point into each region of pixels with a score above 0.

    Pixels belong together where they share an edge; the score is the mean over the region. Whole
    bands at once, about 10 bytes of memory a pixel.

    Attributes:
        at: `centre` of gravity, weighted by score, or the middle of the pixel with the best score
            (`peak`), which always lies inside.
    """

    at: Literal["centre", "peak"]

    def __call__(self, score_map: ScoreMap) -> Dots:
        """Points with `score`, `label` and `scene_id`; class by class, row by row."""
        return by_class(score_map, self._points)

    def _points(self, band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        numbers, count = ndimage.label(band)
        all_of_them = np.arange(1, count + 1)
        find = ndimage.center_of_mass if self.at == "centre" else ndimage.maximum_position
        middles = np.array(find(band, numbers, all_of_them), np.float64).reshape(-1, 2) + 0.5
        scores = ndimage.mean(band, numbers, all_of_them)
        return shapely.points(middles[:, ::-1]), np.asarray(scores) / 255
