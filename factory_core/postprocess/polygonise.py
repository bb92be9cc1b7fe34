"""Score map -> detections: connected regions become polygons."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from geopandas import GeoDataFrame
from rasterio.features import shapes
from scipy import ndimage

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class Polygonise:
    """Outline, class by class, the regions of pixels with a score above 0.

    Pixels belong together where they share an edge. Outlines follow the edges of the
    pixels exactly, holes stay, and the score is the mean over the region's pixels.
    """

    def __call__(self, score_map: ScoreMap) -> Polygons:
        """Polygons with `score`, `label` and `scene_id`; class by class, row by row."""
        outlines, scores, labels = [], [], []
        for label, band in zip(score_map.classes, score_map.scores, strict=True):
            found, means = _regions(band)
            outlines += found
            scores += means
            labels += [label] * len(found)
        affine = score_map.geobox.affine
        ground = gpd.GeoSeries(outlines, crs=str(score_map.geobox.crs)).affine_transform(
            [affine.a, affine.b, affine.d, affine.e, affine.c, affine.f]
        )
        return GeoDataFrame(
            {
                "score": np.array(scores, dtype=np.float64),
                "label": np.array(labels, dtype=object),
                "scene_id": np.full(len(labels), score_map.scene_id, dtype=object),
            },
            geometry=ground,
        )


def _regions(band: np.ndarray) -> tuple[list[shapely.Polygon], list[float]]:
    """Outline in pixels and mean score of each connected region of a band."""
    numbers, count = ndimage.label(band)
    if not count:
        return [], []
    outlined = [
        (shapely.Polygon(outline["coordinates"][0], outline["coordinates"][1:]), int(number))
        for outline, number in shapes(numbers, mask=band > 0, connectivity=4)
    ]
    means = ndimage.mean(band, numbers, [number for _, number in outlined])
    return [polygon for polygon, _ in outlined], [float(mean) / 255 for mean in means]
