"""The rings of many polygons as one array of points, so that no outline is worked on by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import is_not

import numpy as np
import shapely

# Polygons that are worked on at a time: their points fit the caches of a processor, so that
# a million take a hundred times as long as ten thousand, and no more memory.
BLOCK = 10_000


@dataclass(frozen=True)
class Rings:
    """Rings of polygons, each without its closing point.

    Attributes:
        points: `(point, 2)` of one ring after the other.
        ring: `(point,)` number of the ring that a point is on, rising.
        polygon: `(ring,)` number of the polygon; its first ring is its outline, others are holes.
    """

    points: np.ndarray
    ring: np.ndarray
    polygon: np.ndarray

    @cached_property
    def counts(self) -> np.ndarray:
        """`(ring,)` number of points."""
        return np.bincount(self.ring, minlength=len(self.polygon))

    @cached_property
    def after(self) -> np.ndarray:
        """`(point,)` position of the next point of the ring, round and round."""
        after = np.arange(1, len(self.points) + 1)
        ends = np.cumsum(self.counts)
        filled = self.counts > 0
        after[ends[filled] - 1] = (ends - self.counts)[filled]
        return after

    @cached_property
    def before(self) -> np.ndarray:
        """`(point,)` position of the point before it."""
        before = np.empty(len(self.points), int)
        before[self.after] = np.arange(len(self.points))
        return before

    def of_polygons(self) -> np.ndarray:
        """The polygons again."""
        starts = np.cumsum(self.counts) - self.counts
        closed = np.concatenate([self.points, self.points[starts]])
        ring = np.concatenate([self.ring, np.arange(len(self.polygon))])
        order = np.argsort(ring, kind="stable")
        rings = shapely.linearrings(closed[order], indices=ring[order])
        polygons: np.ndarray = shapely.polygons(rings, indices=self.polygon)
        return polygons


def rings_of(polygons: np.ndarray) -> Rings:
    """Take polygons apart."""
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    last = np.append(ring[1:] != ring[:-1], True)[: len(ring)]
    return Rings(points[~last], ring[~last], polygon)


def each_polygon(geometries: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Polygons and multipolygons with each polygon changed; one that is spoilt stays as it was.

    Args:
        geometries: `(n,)`.
        change: Takes and gives `(m,)` polygons.
    """
    polygons, owner = shapely.get_parts(geometries, return_index=True)
    if not len(polygons):
        return geometries
    blocks = [polygons[at : at + BLOCK] for at in range(0, len(polygons), BLOCK)]
    changed = np.concatenate([keep_valid(change(block), instead=block) for block in blocks])
    if len(polygons) == len(geometries):
        return changed
    many = np.bincount(owner, minlength=len(geometries)) > 1
    whole = np.empty(len(geometries), object)
    whole[owner] = changed
    of_many = many[owner]
    whole[many] = shapely.multipolygons(
        changed[of_many], indices=np.unique(owner[of_many], return_inverse=True)[1]
    )
    return keep_valid(whole, instead=geometries)


def keep_valid(changed: np.ndarray, *, instead: np.ndarray) -> np.ndarray:
    """`changed`, but where a geometry is empty or crosses itself what it was before."""
    # The look whether one crosses itself costs as much as all else: not for those left alone.
    new = np.fromiter(map(is_not, changed, instead), bool, len(changed))
    spoilt = new.copy()
    spoilt[new] = ~shapely.is_valid(changed[new]) | shapely.is_empty(changed[new])
    return np.where(spoilt, instead, changed)


def main_directions(rings: Rings, *, count: int) -> np.ndarray:
    """Direction of most of the edges of each of `count` polygons, in `[-pi/4, pi/4)`.

    The mean of the edges' directions modulo a right angle, weighted by their lengths.
    """
    edge = rings.points[rings.after] - rings.points
    length = np.hypot(*edge.T)
    turned = 4 * np.arctan2(edge[:, 1], edge[:, 0])
    owner = rings.polygon[rings.ring]
    x, y = (
        np.bincount(owner, weights=length * part, minlength=count)
        for part in (np.cos(turned), np.sin(turned))
    )
    return np.asarray(np.arctan2(y, x) / 4)
