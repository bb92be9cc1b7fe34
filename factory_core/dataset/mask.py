"""Labels as a mask of classes, for models that give score maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize

from factory_core.dataset.target import Target


@dataclass(frozen=True)
class Mask(Target):
    """Draw every label; where two overlap, the smaller one is seen.

    Args:
        line_width_m: Lines are drawn this wide; 0 refuses them.
    """

    form: ClassVar[Literal["mask", "boxes"]] = "mask"

    line_width_m: float = 0.0

    def __post_init__(self) -> None:
        if self.line_width_m < 0:
            raise ValueError(f"`line_width_m` must be at least 0. Received: {self.line_width_m}.")

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Polygons, and lines where a width is given."""
        lines = ("LineString", "MultiLineString") if self.line_width_m else ()
        return ("Polygon", "MultiPolygon", *lines)

    def __call__(self, labels: gpd.GeoDataFrame, *, window: GeoBox) -> np.ndarray:
        """Mask `(height, width)` uint8: a pixel has the class of the label over its centre."""
        height, width = window.shape
        mask = np.zeros((height, width), np.uint8)
        if len(labels) == 0:
            return mask
        lines = labels.geom_type.str.endswith("LineString")
        shapes = labels.geometry.where(~lines, labels.buffer(self.line_width_m / 2))
        largest_first = np.argsort(-shapes.area.to_numpy(), kind="stable")
        values = labels["class_index"].to_numpy() + 1
        rasterize(
            [(shapes.iloc[index], int(values[index])) for index in largest_first],
            out=mask,
            transform=window.affine,
        )
        return mask
