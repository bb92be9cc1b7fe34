"""Labels as boxes of any direction, for models that give oriented boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import shapely

from factory_core.dataset.pixels import POLYGONS
from factory_core.dataset.sample import Form, OrientedBoxes
from factory_core.dataset.target import Outlines, Target
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class MinimumRectangles(Target):
    """The rectangle of the smallest area around each label, cut at the edge of the window.

    A rectangle says how an object lies and not where its front is, even where the label knew:
    its corners in DOTA start at the front of some classes, and that is not carried. A square
    lies in two directions alike; the one that its geometry gives first is taken.

    Args:
        min_share_inside: A rectangle that has less of its area inside the window is left out.
    """

    form: ClassVar[Form] = "oriented_boxes"

    min_share_inside: float = 0.4

    def __post_init__(self) -> None:
        check_within(0, 1, without=0, min_share_inside=self.min_share_inside)

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Polygons: a line has no width."""
        return POLYGONS

    def __call__(self, labels: Outlines) -> OrientedBoxes:
        """Boxes in pixels of the window, in the order of the labels."""
        return self._whole(labels).cut(labels.shape, min_share_inside=self.min_share_inside)

    def sees(self, labels: Outlines) -> np.ndarray:
        """Those with the share of their rectangle inside."""
        numbered = OrientedBoxes(self._whole(labels).xylwa, np.arange(len(labels)))
        seen = np.zeros(len(labels), bool)
        seen[numbered.cut(labels.shape, min_share_inside=self.min_share_inside).classes] = True
        return seen

    def _whole(self, labels: Outlines) -> OrientedBoxes:
        rings = shapely.get_coordinates(shapely.oriented_envelope(labels.shapes))
        corners = rings.reshape(-1, 5, 2)[:, :4]
        return OrientedBoxes.from_corners(corners, labels.classes)
