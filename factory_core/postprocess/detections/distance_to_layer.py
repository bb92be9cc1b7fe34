"""Detections -> detections: how far it is to a road, a coast, a runway."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class DistanceToLayer:
    """Add `distance_m` to the nearest feature of a layer, and drop what is too near or too far.

    Attributes:
        file: Features of any kind as GeoPackage, GeoJSON or GeoParquet, in any CRS.
        min_m: Least distance that is kept; 0 keeps what lies on a feature.
        max_m: Largest distance that is kept; null: any.
    """

    adds: ClassVar[tuple[str, ...]] = ("distance_m",)

    file: Path
    min_m: float
    max_m: float | None

    def __post_init__(self) -> None:
        check_at_least(0, min_m=self.min_m)
        if self.max_m is not None:
            check_at_least(self.min_m, max_m=self.max_m)

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections at the right distance, with it.

        Raises:
            ConfigError: The file has no feature.
            LabelError: The file cannot be read, or has no CRS.
        """
        layer = io.read_vectors(self.file).geometry
        layer = layer[~(layer.isna() | layer.is_empty)]
        if layer.empty:
            raise ConfigError(
                f"The layer {self.file} has no feature, so there is no distance to it. Give it one."
            )
        tree = shapely.STRtree(layer.to_crs(detections.crs).to_numpy())
        (row, _), distance = tree.query_nearest(
            detections.geometry.to_numpy(), return_distance=True, all_matches=False
        )
        distances = np.full(len(detections), np.nan)
        distances[row] = distance
        kept = distances >= self.min_m
        if self.max_m is not None:
            kept &= distances <= self.max_m
        return detections.assign(distance_m=distances)[kept]
