"""Labels as upright boxes, for models that give boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import shapely

from factory_core.dataset.pixels import LINES, POLYGONS
from factory_core.dataset.sample import Boxes, Form
from factory_core.dataset.target import Outlines, Target
from factory_core.kernel.limits import check_at_least, check_within


@dataclass(frozen=True)
class BoundingBoxes(Target):
    """The upright box around each label, cut at the edge of the window.

    Args:
        min_share_inside: A box that has less of its area inside the window is left out.
        point_size_m: Labels that are points become squares of this side; 0 refuses them.
    """

    form: ClassVar[Form] = "boxes"

    min_share_inside: float = 0.4
    point_size_m: float = 0.0

    def __post_init__(self) -> None:
        check_within(0, 1, without=0, min_share_inside=self.min_share_inside)
        check_at_least(0, point_size_m=self.point_size_m)

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Everything that has an extent, and points where they are given one."""
        return (*POLYGONS, *LINES, *(("Point",) if self.point_size_m else ()))

    def __call__(self, labels: Outlines) -> Boxes:
        """Boxes in pixels of the window, in the order of the labels."""
        return self._whole(labels).cut(labels.shape, min_share_inside=self.min_share_inside)

    def sees(self, labels: Outlines) -> np.ndarray:
        """Those with the share of their box inside."""
        numbered = Boxes(self._whole(labels).xyxy_px, np.arange(len(labels)))
        seen = np.zeros(len(labels), bool)
        seen[numbered.cut(labels.shape, min_share_inside=self.min_share_inside).classes] = True
        return seen

    def _whole(self, labels: Outlines) -> Boxes:
        corners = shapely.bounds(labels.shapes).reshape(-1, 4)
        if self.point_size_m:
            points = shapely.get_type_id(labels.shapes) == shapely.GeometryType.POINT
            half_px = self.point_size_m / labels.pixel_m / 2
            corners[points] += np.array([-half_px, -half_px, half_px, half_px])
        # A line along an axis has no area, but still an extent that can be found.
        corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1.0)
        return Boxes(corners.astype(np.float32), labels.classes)
