"""Labels as a mask and the edges of its objects, so that touching ones can be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import shapely

from factory_core.dataset.pixels import POLYGONS, draw_numbers, sees_a_pixel
from factory_core.dataset.sample import Form
from factory_core.dataset.target import Outlines, Target
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Edges(Target):
    """A mask of classes and, as a second layer, the outline of every object.

    Two houses in a row are one area of the mask; the edge between them is what parts them, as
    in DCAN (Chen et al. 2016, https://arxiv.org/abs/1604.02677). The edge of the window is no
    edge: an object that is cut there stays open.

    Args:
        width_m: Width of an edge in metres, half of it inside the object; at least one pixel.
    """

    form: ClassVar[Form] = "edges"

    width_m: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(0, width_m=self.width_m)

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Polygons: lines have no inside."""
        return POLYGONS

    def __call__(self, labels: Outlines) -> np.ndarray:
        """`(height, width, 2)` uint8: class index + 1 or 0; 1 on an edge or 0."""
        numbers = labels.classes + 1
        width_px = max(self.width_m / labels.pixel_m, 1.0)
        edges = shapely.buffer(shapely.boundary(labels.shapes), width_px / 2, join_style="mitre")
        return np.stack(
            [
                draw_numbers(labels.shapes, numbers, shape=labels.shape, dtype="uint8"),
                draw_numbers(edges, np.ones(len(labels)), shape=labels.shape, dtype="uint8"),
            ],
            axis=-1,
        )

    def sees(self, labels: Outlines) -> np.ndarray:
        """Those with at least the area of a pixel inside."""
        return sees_a_pixel(labels.shapes, labels)
