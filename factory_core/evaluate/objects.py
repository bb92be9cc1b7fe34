"""The labels or the detections of all scenes in one table of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from factory_core.kernel.taxonomy import Taxonomy

NONE = -1


@dataclass(frozen=True)
class Objects:
    """Labels or detections, one row each, scene after scene.

    Attributes:
        scene: `(row,)` place of its scene.
        name: `(row,)` place of its class in `Taxonomy.all_names`, as it is named, at any level.
        geometry: `(row,)` in the CRS of its scene, in metres.
        score: `(row,)` 1 for labels.
        pixel_m2: `(row,)` ground of a pixel of its scene.
    """

    scene: np.ndarray
    name: np.ndarray
    geometry: np.ndarray
    score: np.ndarray
    pixel_m2: np.ndarray

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.scene)

    def kind(self, taxonomy: Taxonomy, level: int) -> np.ndarray:
        """`(row,)` place of its class in `taxonomy.names_at(level)`, -1 where it is above it."""
        there = taxonomy.names_at(level)
        names = [taxonomy.at(name, level) for name in taxonomy.all_names()]
        places = np.array([NONE if name is None else there.index(name) for name in names])
        kind: np.ndarray = places[self.name]
        return kind

    @cached_property
    def bounds(self) -> np.ndarray:
        """`(row, 4)`: x_min, y_min, x_max, y_max."""
        bounds: np.ndarray = shapely.bounds(self.geometry).reshape(-1, 4)
        return bounds

    @cached_property
    def area_m2(self) -> np.ndarray:
        """`(row,)` what its outline encloses."""
        area: np.ndarray = shapely.area(self.geometry)
        return area

    @cached_property
    def area_px(self) -> np.ndarray:
        """`(row,)` the same, in pixels of its scene."""
        area: np.ndarray = self.area_m2 / self.pixel_m2
        return area

    @cached_property
    def ranks(self) -> np.ndarray:
        """Rows from the highest score to the lowest; equal scores in the order of the rows."""
        return np.argsort(-self.score, kind="stable")


def pool(
    frames: Sequence[gpd.GeoDataFrame], *, pixels_m2: Sequence[float], taxonomy: Taxonomy
) -> Objects:
    """One table of the frames of all scenes.

    Args:
        frames: One a scene: `label` as it is named, `geometry`, and `score` of detections.
        pixels_m2: Ground of a pixel of each scene.
        taxonomy: The classes.
    """
    counts = [len(frame) for frame in frames]
    labels = [frame["label"].to_numpy(object) for frame in frames]
    codes, known = pd.factorize(np.concatenate([np.empty(0, object), *labels]))
    all_names = list(taxonomy.all_names())
    places = np.array([all_names.index(taxonomy.path(name)[-1]) for name in known], int)
    scores = [
        frame["score"].to_numpy(float) if "score" in frame else np.ones(len(frame))
        for frame in frames
    ]
    return Objects(
        scene=np.repeat(np.arange(len(frames)), counts),
        name=places[codes],
        geometry=np.concatenate(
            [np.empty(0, object), *(frame.geometry.to_numpy() for frame in frames)]
        ),
        score=np.concatenate([np.empty(0), *scores]),
        pixel_m2=np.repeat(np.asarray(pixels_m2, float), counts),
    )
