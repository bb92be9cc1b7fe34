"""Labels as a mask and the depth inside its objects, so that touching ones can be told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import shapely

from factory_core.dataset.pixels import POLYGONS, draw_numbers, sees_a_pixel
from factory_core.dataset.sample import Form
from factory_core.dataset.target import Outlines, Target


@dataclass(frozen=True)
class Distances(Target):
    """A mask of classes and, as a second layer, the distance of each pixel from its object's edge.

    Each object has its own peak, where a watershed starts (Naylor et al. 2019,
    https://doi.org/10.1109/TMI.2018.2865709). The distance counts from 0 at the edge to 255 at
    the deepest point, so that large and small objects weigh the same and zooming changes
    nothing. It is that of the whole object, also where the edge of the window cuts it.
    """

    form: ClassVar[Form] = "distances"

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Polygons: lines have no inside."""
        return POLYGONS

    def __call__(self, labels: Outlines) -> np.ndarray:
        """`(height, width, 2)` uint8: class index + 1 or 0; distance from 1 to 255 inside, or 0."""
        order = np.arange(1, len(labels) + 1)
        owner = draw_numbers(labels.shapes, order, shape=labels.shape, dtype="uint16")
        rows, columns = np.nonzero(owner)
        mine = owner[rows, columns].astype(np.int64) - 1
        drawn = np.zeros((*labels.shape, 2), np.uint8)
        drawn[rows, columns, 0] = labels.classes[mine] + 1
        drawn[rows, columns, 1] = _depths(labels.shapes, mine, x=columns + 0.5, y=rows + 0.5)
        return drawn

    def sees(self, labels: Outlines) -> np.ndarray:
        """Those with at least the area of a pixel inside."""
        return sees_a_pixel(labels.shapes, labels)


def _depths(shapes: np.ndarray, mine: np.ndarray, *, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance of each point from the edge of its own shape, 255 for the farthest of all."""
    if len(mine) == 0:
        return np.zeros(0, np.uint8)
    inside, again = np.unique(mine, return_inverse=True)
    deepest = shapely.length(shapely.maximum_inscribed_circle(shapes[inside], tolerance=0.1))
    distances = shapely.distance(shapely.points(x, y), shapely.boundary(shapes[inside])[again])
    depths: np.ndarray = np.clip(np.rint(255 * distances / deepest[again]), 1, 255)
    return depths.astype(np.uint8)
