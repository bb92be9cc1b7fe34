"""What labels are like: how large, how long, how near to the next of their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from factory_core.catalogue.labels import count_labels
from factory_core.kernel.taxonomy import Taxonomy


def observe_labels(labels: gpd.GeoDataFrame, *, taxonomy: Taxonomy) -> gpd.GeoDataFrame:
    """Measure each label of one scene.

    Args:
        labels: `label` and geometry, in a CRS in metres.
        taxonomy: Where the classes stand.

    Returns:
        `labels` with `class_path` (`vehicle/car`), `area_m2`, `length_m` and `width_m` (the
        longer and the shorter side of the smallest rectangle around it), `aspect` (one over
        the other, NaN for points and lines) and `neighbour_m` (gap to the nearest other
        label of its class in the scene, NaN for the only one).
    """
    shapes = labels.geometry.to_numpy()
    length_m, width_m = _sides_m(shapes)
    paths = ["/".join(taxonomy.path(str(label))) for label in labels["label"]]
    with np.errstate(divide="ignore", invalid="ignore"):
        aspect = np.where(width_m > 0, length_m / width_m, np.nan)
    return labels.assign(
        class_path=pd.Series(paths, index=labels.index, dtype=object),
        area_m2=shapely.area(shapes),
        length_m=length_m,
        width_m=width_m,
        aspect=aspect,
        neighbour_m=_gaps_m(labels),
    )


def _sides_m(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longer and shorter side of the smallest rectangle around each shape, at any angle."""
    around = shapely.oriented_envelope(shapes)
    length_m, width_m = np.zeros(len(shapes)), np.zeros(len(shapes))
    length_m[:] = shapely.length(around)  # of a rectangle without width: a line
    for index in np.flatnonzero(shapely.get_type_id(around) == shapely.GeometryType.POLYGON):
        corners = shapely.get_coordinates(around[index])
        sides = np.hypot(*np.diff(corners[:3], axis=0).T)
        length_m[index], width_m[index] = sides.max(), sides.min()
    return length_m, width_m


def _gaps_m(labels: gpd.GeoDataFrame) -> np.ndarray:
    gaps = np.full(len(labels), np.nan)
    shapes = labels.geometry.to_numpy()
    for where in labels.groupby("label").indices.values():
        if len(where) > 1:
            alike = shapes[where]
            pairs, distances = shapely.STRtree(alike).query_nearest(
                alike, exclusive=True, return_distance=True, all_matches=False
            )
            gaps[where[pairs[0]]] = distances
    return gaps


def observe_scene(
    labels: pd.DataFrame, *, taxonomy: Taxonomy, area_km2: float
) -> Mapping[str, Any]:
    """The columns of a scene for its labels: the count of every class, and how dense they are."""
    return {
        "labels": count_labels(labels, taxonomy=taxonomy),
        "labels_per_km2": len(labels) / area_km2,
    }
