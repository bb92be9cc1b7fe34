"""Score map -> detections: connected regions become polygons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.features import shapes
from scipy import ndimage

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.vectorisers.vectors import by_class


@dataclass(frozen=True)
class Polygonise:
    """Outline, class by class, the regions of pixels with a score above 0.

    Pixels belong together where they share an edge. Outlines follow the edges of the
    pixels exactly, holes stay, and the score is the mean over the region's pixels. Whole bands at
    once, about 10 bytes of memory a pixel.
    """

    def __call__(self, score_map: ScoreMap) -> Polygons:
        """Polygons with `score`, `label` and `scene_id`; class by class, row by row."""
        return by_class(score_map, _regions)


def _regions(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outline in pixels and mean score of each connected region of a band."""
    numbers, _ = ndimage.label(band)
    outlined = [
        (shapely.Polygon(outline["coordinates"][0], outline["coordinates"][1:]), int(number))
        for outline, number in shapes(numbers, mask=band > 0, connectivity=4)
    ]
    means = ndimage.mean(band, numbers, [number for _, number in outlined])
    return np.array([polygon for polygon, _ in outlined], object), np.asarray(means) / 255
