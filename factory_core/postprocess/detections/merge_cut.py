"""Detections -> detections: the pieces of an object that window edges cut become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.limits import check_within
from factory_core.postprocess.detections.overlaps import Overlap, find_objects
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.outlines.rectangles import Rectangles, rectangles_around
from factory_core.postprocess.outlines.rings import turned


@dataclass(frozen=True)
class MergeCut:
    """Put one box around detections that lie in each other, in the direction of the best one.

    Greedy non-maximum merging of SAHI (Akyon et al. 2022, https://arxiv.org/abs/2202.06934): the
    overlap is measured against the smaller one, so that a piece counts that lies in the whole. The
    best score is kept.

    Attributes:
        max_share: Detections of whose smaller one a larger share is common are of one object.
        per_class: Whether only detections of the same class are merged.
    """

    max_share: float
    per_class: bool

    def __post_init__(self) -> None:
        check_within(0, 1, max_share=self.max_share)

    def __call__(self, detections: Polygons) -> Polygons:
        """One detection an object, in the order of the best ones; alone, it keeps its shape."""
        best = find_objects(
            detections,
            overlap=Overlap("geometry", "smaller"),
            above=self.max_share,
            per_class=self.per_class,
        )
        kept, number = np.unique(best, return_inverse=True)
        shapes = detections.geometry.to_numpy()
        angle = rectangles_around(shapes[kept]).angle
        merged = _around(shapes, number=number, angle=angle)
        alone = np.bincount(number, minlength=len(kept)) == 1
        shape = np.where(alone, shapes[kept], merged.polygons())
        return detections.iloc[kept].set_geometry(shape, crs=detections.crs)


def _around(shapes: np.ndarray, *, number: np.ndarray, angle: np.ndarray) -> Rectangles:
    """The smallest rectangle of each direction `angle` around the shapes of each number."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    group = number[owner]
    points = turned(points, -angle[group])
    low = np.full((len(angle), 2), np.inf)
    high = np.full((len(angle), 2), -np.inf)
    np.minimum.at(low, group, points)
    np.maximum.at(high, group, points)
    centre = turned((low + high) / 2, angle)
    along, across = (high - low).T
    return Rectangles(centre, along, across, angle)
