"""Score map -> detections: connected regions become upright boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.vectorisers.vectors import by_class, find_regions


@dataclass(frozen=True)
class Boxes:
    """Put a box, upright in the image, around each region of pixels with a score above 0.

    Pixels belong together where they share an edge; the score is the mean over the region. Whole
    bands at once, about 5 bytes of memory a pixel and 40 a pixel above 0.
    """

    def __call__(self, score_map: ScoreMap) -> Polygons:
        """Boxes with `score`, `label` and `scene_id`; class by class, row by row."""
        return by_class(score_map, _boxes)


def _boxes(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = find_regions(band)
    # Pixels come row by row, so a region's first one is in its top row, its last one at the bottom.
    top, bottom = np.empty((2, found.count))
    top[found.number[::-1]], bottom[found.number] = found.rows[::-1], found.rows
    left, right = np.full(found.count, band.shape[1]), np.full(found.count, -1)
    np.minimum.at(left, found.number, found.columns)
    np.maximum.at(right, found.number, found.columns)
    return shapely.box(left, top, right + 1, bottom + 1), found.scores
