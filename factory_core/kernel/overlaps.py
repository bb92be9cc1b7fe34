"""Which detections lie on each other, and whose they are: what suppression and fusion share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import shapely
from geopandas import GeoDataFrame

Pairs = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Below this many detections every pair is looked at, above it the better half thins
# out the rest first: a million boxes on one spot are no more work than elsewhere.
FEW = 512
# On one spot most belong to the very best: they go before the others are compared.
FIRST = (8, 64, 512)
# Shapes whose pairs are held in memory at a time.
BLOCK = 1024
SAME_AREA = 1e-9


@dataclass(frozen=True)
class Overlap:
    """How much two shapes have in common.

    Attributes:
        of: Whether the upright boxes around the shapes or the shapes themselves are compared.
            Shapes that are upright boxes cost no more than boxes.
        over: What the common area is divided by: the area of both together (IoU), or that of
            the smaller one, which is 1 where one lies in the other.
    """

    of: Literal["box", "geometry"]
    over: Literal["union", "smaller"] = "union"

    def __call__(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Shares `(n,)` in [0, 1] of pairs of shapes."""
        every = np.arange(len(left))
        return self.of_pairs(measure(left), measure(right), every, every, above=-1.0)

    def of_pairs(
        self, one: Measured, two: Measured, first: np.ndarray, second: np.ndarray, *, above: float
    ) -> np.ndarray:
        """Shares of the pairs `first` of one and `second` of the other.

        A share is 0 where it can be seen, without looking at the shapes, not to be over `above`.
        """
        a, b = one.bounds[first], two.bounds[second]
        sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
        common = np.prod(np.maximum(sides, 0), axis=1)
        if self.of == "box":
            return self._share(common, one.box_area[first], two.box_area[second])
        area_a, area_b = one.area[first], two.area[second]
        askew = one.askew[first] | two.askew[second]
        common = np.minimum(common, np.minimum(area_a, area_b))
        unsure = askew & (self._share(common, area_a, area_b) > above)
        common[askew] = 0
        common[unsure] = shapely.area(
            shapely.intersection(one.shapes[first[unsure]], two.shapes[second[unsure]])
        )
        return self._share(common, area_a, area_b)

    def _share(self, common: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        whole = one + other - common if self.over == "union" else np.minimum(one, other)
        return np.asarray(np.divide(common, whole, out=np.zeros_like(whole), where=whole > 0))


@dataclass(frozen=True)
class Measured:
    """Shapes with what every pair of them needs.

    Attributes:
        shapes: `(n,)`.
        bounds: `(n, 4)`.
        box_area: `(n,)` area of the upright boxes around them.
        area: `(n,)` their own.
        askew: `(n,)` whether they are something else than upright boxes.
    """

    shapes: np.ndarray
    bounds: np.ndarray
    box_area: np.ndarray
    area: np.ndarray
    askew: np.ndarray


def measure(shapes: np.ndarray) -> Measured:
    """Measure each shape once."""
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    box_area = np.prod(bounds[:, 2:] - bounds[:, :2], axis=1)
    area = shapely.area(shapes)
    return Measured(shapes, bounds, box_area, area, area < box_area * (1 - SAME_AREA))


def best_first(detections: GeoDataFrame, *, per_class: bool) -> Iterator[np.ndarray]:
    """Rows of each class, or of all together, the highest score first.

    Equal scores are decided by position and label, so the order of rows does not matter.
    """
    geometries, labels = detections.geometry.to_numpy(), detections["label"].to_numpy()
    x_min, y_min, x_max, y_max = shapely.bounds(geometries).reshape(-1, 4).T
    _, numbers = np.unique(labels.astype(str), return_inverse=True)
    keys = [numbers, shapely.area(geometries), y_max, x_max, y_min, x_min]
    order = np.lexsort([*keys, -detections["score"].to_numpy()])
    if not per_class:
        yield order
        return
    for number in np.unique(numbers):
        yield order[numbers[order] == number]


def find_owners(geometries: np.ndarray, *, pairs: Pairs) -> np.ndarray:
    """Whose each shape is: its own, or that of the first kept one that it belongs to.

    Greedy suppression: in turn, a shape is kept unless it makes a pair with a kept one.

    Args:
        geometries: `(n,)` shapes, the best first.
        pairs: Gives the positions in two arrays of shapes that belong together.

    Returns:
        `(n,)` positions; a kept shape has its own.
    """
    if len(geometries) <= FEW:
        return _find_owners_of_few(geometries, pairs)
    half = len(geometries) // 2
    better = find_owners(geometries[:half], pairs=pairs)
    kept = np.flatnonzero(better == np.arange(half))
    owner = np.concatenate([better, np.arange(half, len(geometries))])
    free = np.arange(half, len(geometries))
    for some in np.split(kept, [at for at in FIRST if at < len(kept)]):
        worse, by = pairs(geometries[free], geometries[some])
        np.minimum.at(owner, free[worse], some[by])
        free = free[owner[free] == free]
    owner[free] = free[find_owners(geometries[free], pairs=pairs)]
    return owner


def _find_owners_of_few(geometries: np.ndarray, pairs: Pairs) -> np.ndarray:
    worse, better = pairs(geometries, geometries)
    later = worse > better
    worse, better = worse[later], better[later]
    order = np.argsort(better, kind="stable")
    worse, better = worse[order], better[order]
    ends = np.searchsorted(better, np.arange(len(geometries) + 1))
    owner = np.arange(len(geometries))
    for first in np.unique(better):
        if owner[first] == first:
            theirs = worse[ends[first] : ends[first + 1]]
            owner[theirs] = np.minimum(owner[theirs], first)
    return owner


def find_objects(
    detections: GeoDataFrame, *, overlap: Overlap, above: float, per_class: bool
) -> np.ndarray:
    """Row of the best detection of the object that each belongs to; its own for the best.

    Args:
        detections: Polygons with `score` and `label`.
        overlap: How overlap is measured.
        above: Detections that overlap the best one by more are of its object.
        per_class: Whether an object has detections of one class only.
    """
    geometries = detections.geometry.to_numpy()
    best = np.arange(len(detections))
    for rows in best_first(detections, per_class=per_class):
        pairs = partial(find_pairs, overlap=overlap, above=above)
        best[rows] = rows[find_owners(geometries[rows], pairs=pairs)]
    return best


def find_pairs(
    left: np.ndarray, right: np.ndarray, *, overlap: Overlap, above: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions in `left` and `right` of every pair that overlaps by more than `above`.

    Of shapes among themselves (`left is right`) each pair comes once, the later one first.
    """
    tree, one = shapely.STRtree(right), measure(left)
    two = one if left is right else measure(right)
    found = [np.empty((2, 0), int)]
    for start in range(0, len(left), BLOCK):
        first, second = tree.query(left[start : start + BLOCK])
        first = first + start
        if left is right:
            once = first > second
            first, second = first[once], second[once]
        too_much = overlap.of_pairs(one, two, first, second, above=above) > above
        found.append(np.stack([first[too_much], second[too_much]]))
    first, second = np.concatenate(found, axis=1)
    return first, second


def pair_off(one: np.ndarray, other: np.ndarray, *, count: int) -> np.ndarray:
    """Which pairs are left when each, in turn, takes both of its ends away.

    Args:
        one: `(pair,)` number of the one end, the best pair first.
        other: `(pair,)` number of the other end.
        count: How many ends there are.

    Returns:
        Positions of the pairs, rising.
    """
    rank = np.arange(len(one))
    chosen = np.zeros(len(one), bool)
    while len(rank):
        first = np.full(count, len(one))
        for ends in (one, other):
            np.minimum.at(first, ends[rank], rank)
        both = rank[(first[one[rank]] == rank) & (first[other[rank]] == rank)]
        chosen[both] = True
        used = np.zeros(count, bool)
        used[one[both]] = used[other[both]] = True
        rank = rank[~(used[one[rank]] | used[other[rank]])]
    return np.flatnonzero(chosen)
