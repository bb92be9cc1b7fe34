"""How much of lines lies along others."""

from __future__ import annotations

import numpy as np
import shapely

# Corners of a quarter of a circle: the buffer is too narrow by a thousandth at most.
QUARTER = 16


def length_along(lines: np.ndarray, others: np.ndarray, *, within_m: float) -> np.ndarray:
    """Length of each line that lies within a distance of any of the others.

    Directions are not compared: of a road that crosses another, the crossing counts.

    Args:
        lines: `(line,)` in a CRS in metres.
        others: `(other,)` in the same CRS.
        within_m: Largest distance, the buffer of Wiedemann et al.

    Returns:
        `(line,)` metres.
    """
    return np.asarray(shapely.length(part_along(lines, others, within_m=within_m)[0]))


def part_along(
    lines: np.ndarray, others: np.ndarray, *, within_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """The part of each line within a distance of any of the others, and the rest of it.

    Returns:
        Two times `(line,)` lines, which may be of many parts or empty.
    """
    parts = shapely.get_parts(others)
    line, near = shapely.STRtree(parts).query(lines, predicate="dwithin", distance=within_m)
    order = np.lexsort([near, line])
    line, near = line[order], near[order]
    met = np.unique(line)
    bundles = shapely.multilinestrings(parts[near], indices=np.searchsorted(met, line))
    buffers = shapely.buffer(bundles, within_m, quad_segs=QUARTER)
    along = np.full(len(lines), shapely.LineString(), object)
    along[met] = shapely.intersection(lines[met], buffers)
    rest = np.array(lines, object)
    rest[met] = shapely.difference(lines[met], buffers)
    return along, rest
