"""Detections -> detections: footprints of right angles alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.limits import check_within
from factory_core.kernel.rectangles import turned
from factory_core.postprocess.kinds import Polygons
from factory_core.postprocess.outlines.rings import (
    Rings,
    each_polygon,
    keep_valid,
    main_directions,
    rings_of,
)


@dataclass(frozen=True)
class Regularise:
    """Redraw the outlines of buildings with two directions of edges only.

    After the coarse step of Wei, Ji and Lu 2020, Toward Automatic Building Footprint Delineation
    (https://doi.org/10.1109/TGRS.2019.2954461): edges are sorted into those along and those across
    the main direction of the polygon, neighbours of one sort become one edge at their mean offset
    by length, and corners are where edges of the two sorts meet. What has no four such edges
    becomes its smallest rectangle. A polygon whose new form overlaps the old one too little
    stays as it is. Put `simplify` before it.

    Attributes:
        min_iou: Least intersection over union of the new form with the old one.
    """

    min_iou: float

    def __post_init__(self) -> None:
        check_within(0, 1, min_iou=self.min_iou)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections with regular outlines."""
        shapes = each_polygon(detections.geometry.to_numpy(), self._redraw)
        return detections.set_geometry(shapes, crs=detections.crs)

    def _redraw(self, polygons: np.ndarray) -> np.ndarray:
        rings = rings_of(polygons)
        main = main_directions(rings, count=len(polygons))
        new = _right_angled(rings, angle=main[rings.polygon])
        blocks = np.bincount(new.polygon, weights=new.counts < 4, minlength=len(polygons)) > 0
        whole = ~blocks[new.polygon]
        drawn = np.array(shapely.oriented_envelope(polygons))
        if whole.any():
            drawn[~blocks] = _chosen(new, whole).of_polygons()
        drawn = keep_valid(drawn, instead=polygons)
        common = shapely.area(shapely.intersection(drawn, polygons))
        iou = common / (shapely.area(drawn) + shapely.area(polygons) - common)
        return np.where(iou >= self.min_iou, drawn, polygons)


def _chosen(rings: Rings, whole: np.ndarray) -> Rings:
    """The rings that `whole` `(ring,)` is true for, numbered from 0, and their polygons too."""
    of_points = whole[rings.ring]
    number = np.cumsum(whole) - 1
    polygon = np.unique(rings.polygon[whole], return_inverse=True)[1]
    return Rings(rings.points[of_points], number[rings.ring[of_points]], polygon)


def _right_angled(rings: Rings, *, angle: np.ndarray) -> Rings:
    """Rings whose edges run along `angle` `(ring,)` and across it, in turn."""
    points = turned(rings.points, -angle[rings.ring])
    edge = points[rings.after] - points
    across = np.abs(edge[:, 1]) > np.abs(edge[:, 0])
    length = np.hypot(*edge.T)
    middle = points + edge / 2
    offset = np.where(across, middle[:, 0], middle[:, 1])
    first = across != across[rings.before]
    # Edges before the first change of a ring belong to its last run.
    changes = np.bincount(rings.ring[first], minlength=len(rings.polygon))
    total = np.cumsum(changes)
    run = np.cumsum(first) - 1
    run_of: np.ndarray = np.where(run < (total - changes)[rings.ring], total[rings.ring] - 1, run)
    usable = changes[rings.ring] > 0
    size = int(total[-1]) if len(total) else 0
    weight = np.bincount(run_of[usable], weights=length[usable], minlength=size)
    mean = np.bincount(run_of[usable], weights=(length * offset)[usable], minlength=size)
    mean = np.asarray(mean / np.maximum(weight, 1e-12))
    ring, vertical = rings.ring[first], across[first]
    corners = Rings(np.zeros((size, 2)), ring, rings.polygon)
    before = mean[corners.before]
    corner = np.stack([np.where(vertical, mean, before), np.where(vertical, before, mean)], axis=-1)
    return Rings(turned(corner, angle[ring]), ring, rings.polygon)
