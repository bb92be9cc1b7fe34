"""Shapes found in the bands of a score map, put on the ground as detections."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel.geo import ScoreMap


def by_class(
    score_map: ScoreMap, find: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> GeoDataFrame:
    """Detections of all classes.

    Args:
        score_map: What is looked at.
        find: Takes a band `(height, width)` uint8 with a score above 0, gives shapes in pixels
            (x to the right, y down, 0 at the corner of the first pixel) and their scores in [0, 1].
    """
    shapes, scores, labels = [np.empty(0, object)], [np.empty(0)], [np.empty(0, object)]
    for name, band in zip(score_map.classes, score_map.scores, strict=True):
        if not band.any():
            continue
        found, means = find(band)
        shapes.append(found)
        scores.append(means)
        labels.append(np.full(len(found), name, object))
    affine = score_map.geobox.affine
    linear = np.array([[affine.a, affine.d], [affine.b, affine.e]])
    ground = shapely.transform(
        np.concatenate(shapes), lambda points: points @ linear + [affine.c, affine.f]
    )
    label = np.concatenate(labels)
    return GeoDataFrame(
        {
            "score": np.concatenate(scores).astype(np.float64),
            "label": label,
            "scene_id": np.full(len(label), score_map.scene_id, dtype=object),
        },
        geometry=ground,
        crs=str(score_map.geobox.crs),
    )
