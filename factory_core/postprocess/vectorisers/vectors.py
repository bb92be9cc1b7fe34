"""Shapes found in the bands of a score map, put on the ground as detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from geopandas import GeoDataFrame
from scipy import ndimage

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


@dataclass(frozen=True)
class Regions:
    """The pixels of connected regions of a band, edge to edge, row by row.

    Attributes:
        rows: `(pixel,)`.
        columns: `(pixel,)`.
        values: `(pixel,)` the band's, 1 to 255.
        number: `(pixel,)` of the region, from 0.
        count: How many regions there are.
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    number: np.ndarray
    count: int

    def total(self, weights: np.ndarray) -> np.ndarray:
        """Sum of `weights` `(pixel,)` over each region."""
        return np.bincount(self.number, weights=weights, minlength=self.count)

    @property
    def scores(self) -> np.ndarray:
        """`(region,)` mean in [0, 1]."""
        pixels = np.bincount(self.number, minlength=self.count)
        return np.asarray(self.total(self.values) / pixels / 255)


def find_regions(band: np.ndarray) -> Regions:
    """Connected regions of a band `(height, width)` uint8 with a score above 0."""
    numbers, count = ndimage.label(band)
    place = np.flatnonzero(band)
    rows, columns = np.divmod(place, band.shape[1])
    return Regions(rows, columns, band.ravel()[place], numbers.ravel()[place] - 1, count)
