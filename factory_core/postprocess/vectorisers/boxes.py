"""Score map -> detections: connected regions become upright boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy import ndimage

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.vectorisers.vectors import by_class


@dataclass(frozen=True)
class Boxes:
    """Put a box, upright in the image, around each region of pixels with a score above 0.

    Pixels belong together where they share an edge; the score is the mean over the region. Whole
    bands at once, about 10 bytes of memory a pixel and 30 a pixel above 0.
    """

    def __call__(self, score_map: ScoreMap) -> Polygons:
        """Boxes with `score`, `label` and `scene_id`; class by class, row by row."""
        return by_class(score_map, _boxes)


def _boxes(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers, count = ndimage.label(band)
    rows, columns = np.nonzero(numbers)
    number = numbers[rows, columns] - 1
    top, left = (_extreme(np.minimum, place, number, count) for place in (rows, columns))
    bottom, right = (_extreme(np.maximum, place, number, count) + 1 for place in (rows, columns))
    total = np.bincount(number, weights=band[rows, columns], minlength=count)
    scores = total / np.bincount(number, minlength=count) / 255
    return shapely.box(left, top, right, bottom), scores


def _extreme(of: np.ufunc, places: np.ndarray, number: np.ndarray, count: int) -> np.ndarray:
    found = np.full(count, places.max() if of is np.minimum else -1)
    of.at(found, number, places)
    return found
