"""Labels as boxes, for models that give boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.dataset.sample import Boxes, stack_boxes
from factory_core.dataset.target import Target


@dataclass(frozen=True)
class BoundingBoxes(Target):
    """The upright box around each label, cut at the edge of the window.

    Args:
        min_share_inside: A box that has less of its area inside the window is left out.
    """

    form: ClassVar[Literal["mask", "boxes"]] = "boxes"

    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.min_share_inside <= 1:
            raise ValueError(
                f"`min_share_inside` must lie in (0, 1]. Received: {self.min_share_inside}."
            )

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Everything that has an extent."""
        return ("Polygon", "MultiPolygon", "LineString", "MultiLineString")

    def __call__(self, labels: gpd.GeoDataFrame, *, window: GeoBox) -> Boxes:
        """Boxes in pixels of the window, in the order of the labels."""
        if len(labels) == 0:
            return stack_boxes([], [])
        height, width = window.shape
        bounds = labels.bounds.to_numpy()
        corners = np.stack([~window.affine @ bounds.T[:2], ~window.affine @ bounds.T[2:]])
        low, high = corners.min(axis=0).T, corners.max(axis=0).T
        # A line along an axis has no area, but still an extent that can be found.
        high = np.maximum(high, low + 1.0)
        inside = [np.clip(corner, 0, (width, height)) for corner in (low, high)]
        share = np.prod(inside[1] - inside[0], axis=1) / np.prod(high - low, axis=1)
        kept = share >= self.min_share_inside
        return Boxes(
            np.concatenate(inside, axis=1)[kept].astype(np.float32),
            labels["class_index"].to_numpy(np.int64)[kept],
        )
