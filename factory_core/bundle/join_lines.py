"""Lines that different scenes have of one way -> the way, seen once and joined end to end."""

from __future__ import annotations

import numpy as np
import shapely

from factory_core.postprocess.lines.ends import lengthened, points_of

# How far before the edge of a scene a line may end that goes on over it: the middle of a road of
# twice that width ends there.
LEAD = 2.0
# Of a line that another shows too, `reach` is taken off beyond the other's end, and as much
# again may lie between the two sideways.
ENDS_APART = 3.0


def lead_to_edges(lines: np.ndarray, edge: shapely.Geometry, *, reach_m: float) -> np.ndarray:
    """Lines whose ends look at an edge from nearby, led straight on to it.

    Args:
        lines: `(n,)` LineStrings.
        edge: Of what a scene shows, where others go on.
        reach_m: How far apart two lines may lie side by side; `LEAD` times as near is nearby.
    """
    lead_m = LEAD * reach_m
    for at_stop in (False, True):
        end = shapely.get_point(lines, -1 if at_stop else 0)
        back = shapely.line_interpolate_point(
            lines, np.minimum(lead_m, shapely.length(lines)) * (-1 if at_stop else 1)
        )
        from_xy, to_xy = shapely.get_coordinates(back), shapely.get_coordinates(end)
        way = to_xy - from_xy
        way /= np.maximum(np.hypot(*way.T), 1e-12)[:, None]
        ahead = shapely.linestrings(np.stack([to_xy, to_xy + lead_m * way], axis=1))
        meets = np.flatnonzero(shapely.intersects(edge, ahead) & ~shapely.intersects(edge, end))
        there = shapely.intersection(ahead[meets], edge)
        foot = shapely.get_point(shapely.shortest_line(end[meets], there), 1)
        lines = lengthened(
            lines, meets, shapely.get_coordinates(foot), at_stop=np.full(len(meets), at_stop)
        )
    return lines


def join_lines(
    lines: np.ndarray, *, number: np.ndarray, scene: np.ndarray, reach_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Join the lines of each number.

    Of what several scenes show, the line of the first is kept. The others go on from its end: the
    two ends that are nearest to each other become one place.

    Args:
        lines: `(n,)` LineStrings, or several parts of one.
        number: `(n,)` from 0, without gaps: lines of one are of one way.
        scene: `(n,)` the scene of each; of a number there are at least two.
        reach_m: How far apart two lines may lie side by side.

    Returns:
        LineStrings, at least one a number, and the number of each.
    """
    order = np.lexsort([scene, number])
    lines, row = shapely.get_parts(lines[order], return_index=True)
    number, scene = number[order][row], scene[order][row]
    rank = _rank(number, scene)
    parts, owner = _without_what_was_shown(lines, number=number, rank=rank, reach_m=reach_m)
    number, rank = number[owner], rank[owner]
    moved = _meeting(parts, number=number, rank=rank, within_m=ENDS_APART * reach_m)
    together = shapely.line_merge(shapely.multilinestrings(moved, indices=number))
    joined, of = shapely.get_parts(together, return_index=True)
    return joined, of


def _rank(number: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """`(n,)` which scene of its number each line is of: 0 for the first. Sorted by both."""
    new = np.concatenate([[True], (np.diff(number) != 0) | (np.diff(scene) != 0)])
    step = np.cumsum(new) - 1
    first = step[np.searchsorted(number, number)]
    return np.asarray(step - first)


def _without_what_was_shown(
    lines: np.ndarray, *, number: np.ndarray, rank: np.ndarray, reach_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Parts of lines that lie beside none of an earlier scene, and the line each is of."""
    left = lines.copy()
    for later in range(1, rank.max() + 1):
        mine = rank == later
        before = (rank < later) & np.isin(number, number[mine])
        heap = np.unique(number[before], return_inverse=True)[1]
        shown = shapely.buffer(shapely.geometrycollections(left[before], indices=heap), reach_m)
        left[mine] = shapely.difference(
            lines[mine], shown[np.searchsorted(np.unique(number[before]), number[mine])]
        )
    parts, owner = shapely.get_parts(left, return_index=True)
    kept = (shapely.length(parts) > reach_m) | (rank[owner] == 0)
    return parts[kept], owner[kept]


def _meeting(
    lines: np.ndarray, *, number: np.ndarray, rank: np.ndarray, within_m: float
) -> np.ndarray:
    """Lines whose ends, of two scenes and nearest to each other, lie in one place."""
    points, first, last = points_of(lines)
    place = np.concatenate([first, last])
    line = np.tile(np.arange(len(lines)), 2)
    ends = shapely.points(points[place])
    one, other = shapely.STRtree(ends).query(ends, predicate="dwithin", distance=within_m)
    a, b = line[one], line[other]
    fits = (number[a] == number[b]) & (rank[a] != rank[b])
    one, other = one[fits], other[fits]
    order = np.lexsort([other, shapely.distance(ends[one], ends[other]), one])
    end, at = np.unique(one[order], return_index=True)
    nearest = np.full(len(ends), -1)
    nearest[end] = other[order[at]]
    mutual = end[nearest[nearest[end]] == end]
    moves = mutual[rank[line[mutual]] > rank[line[nearest[mutual]]]]
    points[place[moves]] = points[place[nearest[moves]]]
    return np.asarray(shapely.set_coordinates(lines.copy(), points))
