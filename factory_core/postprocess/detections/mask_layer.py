"""Detections -> detections: only on land, never on water, off the runway."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from geopandas import GeoDataFrame, GeoSeries

from factory_core.kernel import io
from factory_core.kernel.limits import check_within
from factory_core.postprocess.detections.layers import read_area, share_inside


@dataclass(frozen=True)
class MaskLayer:
    """Keep or drop detections that lie in the polygons of a layer by at least a share.

    Attributes:
        file: Polygons as GeoPackage, GeoJSON or GeoParquet, in any CRS.
        keep: What is kept: what lies `inside` the polygons, or `outside` them.
        min_share: From which share of its area (a line: of its length) on it lies inside.
    """

    file: Path
    keep: Literal["inside", "outside"]
    min_share: float

    def __post_init__(self) -> None:
        check_within(1e-9, 1, min_share=self.min_share)

    def fence(self) -> GeoSeries | None:
        """The polygons, in the CRS of the file, where only what lies inside them is kept.

        Raises:
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        return io.read_geofence(self.file) if self.keep == "inside" else None

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections that are kept, whole.

        Raises:
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        share = share_inside(detections.geometry.to_numpy(), read_area(self.file, detections))
        # A share is a quotient: what lies inside wholly may be short of 1 by a rounding.
        inside = share >= self.min_share - 1e-9
        return detections[inside if self.keep == "inside" else ~inside]
