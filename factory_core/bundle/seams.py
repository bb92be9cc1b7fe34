"""Which detections of different scenes are of one object: cut by a scene's edge, or seen twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from geopandas import GeoDataFrame
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from factory_core.bundle.ground import Ground
from factory_core.kernel.overlaps import Overlap, find_pairs, pair_off

SHARED = 0.5
# Ground of two scenes that is no wider, in tolerances, is a corner where they touch.
CORNER = 3.0
# The middle of a road that an edge cuts is bent aside there: lines may lie so much further apart.
WIDER = 2.0
OVERLAP = Overlap("geometry", over="smaller")


@dataclass(frozen=True)
class Seen:
    """The detections of several scenes on one map.

    Attributes:
        detections: In a CRS in metres, scene after scene.
        scene: `(row,)` number of the scene that a detection comes from, rising.
        grounds: `(scene,)` what each shows, in that CRS.
        tolerance_m: How far what continues over an edge may lie apart, and how near to the edge
            of its scene a detection is that the edge cuts.
    """

    detections: GeoDataFrame
    scene: np.ndarray
    grounds: Sequence[Ground]
    tolerance_m: float


@dataclass(frozen=True)
class Objects:
    """Which detections are of one object.

    Attributes:
        group: `(row,)` number of the object.
        cut: `(row,)` whether the edge of its scene cuts it; False too for what stands alone.
    """

    group: np.ndarray
    cut: np.ndarray


def find_objects_across(seen: Seen, *, once: bool) -> Objects:
    """Bring together the detections of one object in different scenes.

    Two detections of a class and of different scenes are of one object where they agree on the
    ground that both scenes show: of what each has there, more than half of the smaller one is the
    other's too. Ground and detections are taken wider by the tolerance (lines by twice as much),
    so scenes that only adjoin share a strip along their edge, and what goes on over the edge
    agrees there. Scenes that meet in a corner share none. A scene shows an object once: each
    detection has one partner in another scene, the best agreement first, and where two of one scene
    would still become one through others, the weakest agreement is dropped. Pieces of an object
    that is cut by the edge may be several, as the legs of a U are.

    Args:
        seen: The detections; the order of scenes decides where shares are equal.
        once: Whether pieces are whole objects too, as boxes are, and so none comes twice.
    """
    count = len(seen.detections)
    links = [np.empty((0, 3))]
    links += [_agreeing(seen, one, other, seam) for one, other, seam in _seams(seen)]
    one, other, share = np.concatenate(links).T
    one, other = one.astype(int), other.astype(int)
    cut = np.zeros(count, bool)
    linked = np.unique(np.concatenate([one, other]))
    cut[linked] = _is_cut(seen, linked)
    pieces = cut & (not once)
    kept = pieces[one] & pieces[other]
    kept[~kept] = _paired_off(one[~kept], other[~kept], share[~kept], scene=seen.scene)
    one, other, share = one[kept], other[kept], share[kept]
    while True:
        group = _components(one, other, count=count)
        crowded = _comes_again(group, seen.scene, pieces=pieces, linked=linked)
        weak = np.flatnonzero(crowded[one] | crowded[other])
        if not len(weak):
            return Objects(group, cut)
        weak = weak[np.lexsort([one[weak], other[weak], share[weak], group[one[weak]]])]
        dropped = weak[np.unique(group[one[weak]], return_index=True)[1]]
        one, other, share = (np.delete(values, dropped) for values in (one, other, share))


def _seams(seen: Seen) -> Iterator[tuple[int, int, shapely.Geometry]]:
    """Pairs of scenes that overlap or adjoin, and the ground that they share."""
    wide = shapely.buffer([ground.shape for ground in seen.grounds], seen.tolerance_m)
    pairs = shapely.STRtree(wide).query(wide, predicate="intersects")
    pairs = pairs[:, pairs[0] < pairs[1]]
    for one, other in pairs.T[np.lexsort(pairs[::-1])]:
        seam = shapely.intersection(wide[one], wide[other])
        if shapely.minimum_bounding_radius(seam) > CORNER * seen.tolerance_m:
            shapely.prepare(seam)
            yield one, other, seam


def _agreeing(seen: Seen, one: int, other: int, seam: shapely.Geometry) -> np.ndarray:
    """Row in either scene, and share, of detections that agree on a seam: `(pair, 3)`."""
    shapes = seen.detections.geometry.to_numpy()
    rows, there = [], []
    for scene in (one, other):
        of_scene = np.arange(*np.searchsorted(seen.scene, [scene, scene + 1]))
        near = of_scene[shapely.dwithin(seam, shapes[of_scene], seen.tolerance_m)]
        by_m = seen.tolerance_m * np.where(shapely.get_dimensions(shapes[near]) == 1, WIDER, 1)
        grown = shapely.buffer(shapes[near], by_m, quad_segs=2)
        rows.append(near)
        there.append(shapely.intersection(grown, seam))
    first, second = find_pairs(*there, overlap=OVERLAP, above=SHARED)
    share = OVERLAP(there[0][first], there[1][second])
    first, second = rows[0][first], rows[1][second]
    labels = seen.detections["label"].to_numpy()
    one_kind, other_kind = (
        shapely.get_dimensions(shapes[first]),
        shapely.get_dimensions(shapes[second]),
    )
    same = (labels[first] == labels[second]) & (one_kind == other_kind)
    return np.asarray(np.column_stack([first, second, share])[same])


def _is_cut(seen: Seen, rows: np.ndarray) -> np.ndarray:
    """Whether each of `rows` reaches the edge of its scene."""
    shapes, scenes = seen.detections.geometry.to_numpy()[rows], seen.scene[rows]
    cut = np.zeros(len(rows), bool)
    for scene in np.unique(scenes):
        ground = seen.grounds[scene]
        edge = shapely.boundary(ground.shape)
        shapely.prepare(edge)
        theirs = scenes == scene
        within_m = seen.tolerance_m + ground.slack_m
        cut[theirs] = shapely.dwithin(edge, shapes[theirs], within_m)
    return cut


def _paired_off(
    one: np.ndarray, other: np.ndarray, share: np.ndarray, *, scene: np.ndarray
) -> np.ndarray:
    """`(link,)` whether a link is left when each detection has one partner in another scene."""
    left = np.zeros(len(one), bool)
    scenes = scene.max(initial=0) + 1
    ends = np.concatenate([one * scenes + scene[other], other * scenes + scene[one]])
    places, number = np.unique(ends, return_inverse=True)
    order = np.lexsort([other, one, -share])
    first, second = number[: len(one)][order], number[len(one) :][order]
    left[order[pair_off(first, second, count=len(places))]] = True
    return left


def _components(one: np.ndarray, other: np.ndarray, *, count: int) -> np.ndarray:
    graph = sparse.coo_matrix((np.ones(len(one), bool), (one, other)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _comes_again(
    group: np.ndarray, scene: np.ndarray, *, pieces: np.ndarray, linked: np.ndarray
) -> np.ndarray:
    """`(row,)` whether its object has another detection of its scene, and not all are pieces."""
    again = np.zeros(len(group), bool)
    if not len(linked):
        return again
    _, place = np.unique(np.stack([group[linked], scene[linked]]), axis=1, return_inverse=True)
    place = place.ravel()
    count, whole = np.bincount(place), np.bincount(place, weights=~pieces[linked])
    again[linked] = (count[place] > 1) & (whole[place] > 0)
    return again
