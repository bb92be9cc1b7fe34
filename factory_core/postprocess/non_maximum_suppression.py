"""Detections -> detections: one object, one detection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from geopandas import GeoDataFrame

Overlaps = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Below this many detections every pair is looked at, above it the better half thins
# out the rest first: a million boxes on one spot are no more work than elsewhere.
FEW = 512


@dataclass(frozen=True)
class NonMaximumSuppression:
    """Of detections of a class that overlap by more than `max_iou`, keep the best.

    Greedy: by falling score, a detection is kept unless it overlaps too much with one
    that is kept already. Equal scores are decided by position, so the order of rows
    does not matter.

    Attributes:
        max_iou: Largest intersection over union of two detections that are both kept.
        overlap_of: Whether the bounding boxes or the geometries themselves are compared;
            boxes are faster, geometries right for objects that lie askew.
        per_class: Whether only detections of the same class compete.
    """

    max_iou: float
    overlap_of: Literal["box", "geometry"]
    per_class: bool

    def __post_init__(self) -> None:
        if not 0 <= self.max_iou <= 1:
            raise ValueError(f"`max_iou` must lie in [0, 1]. Received: {self.max_iou}.")

    def __call__(self, detections: GeoDataFrame) -> GeoDataFrame:
        """The detections that are kept, in the order they came in."""
        iou = _box_iou if self.overlap_of == "box" else _geometry_iou
        geometries = detections.geometry.to_numpy()
        order = _best_first(detections["score"].to_numpy(), geometries)
        labels = detections["label"].to_numpy()[order]
        groups = [labels == label for label in dict.fromkeys(labels)]
        if not self.per_class:
            groups = [np.ones(len(order), bool)]
        kept = [
            order[group][_keep(geometries[order[group]], iou, self.max_iou)] for group in groups
        ]
        return detections.iloc[np.sort(np.concatenate([np.empty(0, int), *kept]))]


def _best_first(scores: np.ndarray, geometries: np.ndarray) -> np.ndarray:
    x_min, y_min, x_max, y_max = shapely.bounds(geometries).reshape(-1, 4).T
    return np.lexsort([shapely.area(geometries), y_max, x_max, y_min, x_min, -scores])


def _keep(geometries: np.ndarray, iou: Overlaps, max_iou: float) -> np.ndarray:
    """Positions of the `geometries`, best first, that are kept."""
    if len(geometries) <= FEW:
        return _keep_few(geometries, iou, max_iou)
    half = len(geometries) // 2
    better = _keep(geometries[:half], iou, max_iou)
    rest = np.arange(half, len(geometries))
    worse, _ = _overlapping(geometries[rest], geometries[better], iou, max_iou)
    rest = np.delete(rest, worse)
    return np.concatenate([better, rest[_keep(geometries[rest], iou, max_iou)]])


def _keep_few(geometries: np.ndarray, iou: Overlaps, max_iou: float) -> np.ndarray:
    worse, better = _overlapping(geometries, geometries, iou, max_iou)
    later = worse > better
    order = np.argsort(better[later], kind="stable")
    worse, better = worse[later][order], better[later][order]
    ends = np.searchsorted(better, np.arange(len(geometries) + 1))
    kept = np.ones(len(geometries), bool)
    for winner in np.unique(better):
        if kept[winner]:
            kept[worse[ends[winner] : ends[winner + 1]]] = False
    return np.flatnonzero(kept)


def _overlapping(
    left: np.ndarray, right: np.ndarray, iou: Overlaps, max_iou: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions in `left` and `right` of every pair that overlaps by more than `max_iou`."""
    first, second = shapely.STRtree(right).query(left)
    too_much = iou(left[first], right[second]) > max_iou
    return first[too_much], second[too_much]


def _box_iou(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    a, b = shapely.bounds(left).reshape(-1, 4), shapely.bounds(right).reshape(-1, 4)
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    return _iou(np.prod(np.maximum(sides, 0), axis=1), _box_area(a), _box_area(b))


def _box_area(bounds: np.ndarray) -> np.ndarray:
    return np.asarray(np.prod(bounds[:, 2:] - bounds[:, :2], axis=1))


def _geometry_iou(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    common = shapely.area(shapely.intersection(left, right))
    return _iou(common, shapely.area(left), shapely.area(right))


def _iou(common: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    union = left + right - common
    return np.asarray(np.divide(common, union, out=np.zeros_like(union), where=union > 0))
