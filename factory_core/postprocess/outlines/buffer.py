"""Detections -> detections: wider or narrower shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class Buffer:
    """Widen shapes by `distance_m` all round: points become disks, lines ribbons.

    Attributes:
        distance_m: On the ground; below 0 makes polygons narrower, and drops what is gone then.
        corners: `round` ones, or `mitre` that stay corners, for buildings.
    """

    distance_m: float
    corners: Literal["round", "mitre"]

    def __post_init__(self) -> None:
        if not np.isfinite(self.distance_m):
            raise ValueError(f"`distance_m` must be a number. Received: {self.distance_m}.")

    def __call__(self, detections: GeoDataFrame) -> Polygons:
        """Polygons of what is left."""
        shapes = shapely.buffer(
            detections.geometry.to_numpy(), self.distance_m, join_style=self.corners
        )
        left = ~shapely.is_empty(shapes)
        return detections[left].set_geometry(shapes[left], crs=detections.crs)
