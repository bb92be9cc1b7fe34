"""Score maps worked on band by band, in strips, so that little more than the map is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

from factory_core.kernel.geo import ScoreMap

STRIP_PX = 1024


def map_bands(score_map: ScoreMap, change: Callable[[np.ndarray], np.ndarray]) -> ScoreMap:
    """The score map with each band `(height, width)` uint8 as `change` makes it."""
    scores = np.empty_like(score_map.scores)
    for band, out in zip(score_map.scores, scores, strict=True):
        out[:] = change(band)
    return replace(score_map, scores=scores)


def in_strips(
    band: np.ndarray, change: Callable[[np.ndarray], np.ndarray], *, reach_px: int
) -> np.ndarray:
    """What `change` makes of a band, worked out strip by strip.

    Args:
        band: `(height, width)`.
        change: Takes rows of the band; a pixel of its result depends on no pixel that is
            further away than `reach_px`, so strips that overlap by it give the same as the whole.
        reach_px: See `change`.
    """
    out = np.empty_like(band)
    for rows in strips(len(band)):
        first = max(rows.start - reach_px, 0)
        changed = change(band[first : rows.stop + reach_px])
        out[rows] = changed[rows.start - first : rows.stop - first]
    return out


def strips(height: int) -> list[slice]:
    """Rows of each strip; the last one is lower."""
    return [slice(row, min(row + STRIP_PX, height)) for row in range(0, height, STRIP_PX)]


@dataclass(frozen=True)
class Regions:
    """Connected regions of a mask: pixels belong together where they share an edge.

    Iterating labels the strips again, so that never more than one is in memory.

    Attributes:
        mask_of: Gives the mask `(rows, width)` of some rows.
        rows: The strips.
        numbers: Of each strip, the region that each of its labels belongs to; 0 is none.
        count: Number of regions; they are numbered from 1.
    """

    mask_of: Callable[[slice], np.ndarray]
    rows: list[slice]
    numbers: list[np.ndarray]
    count: int

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Rows of each strip, and the number of the region at each of its pixels."""
        for rows, numbers in zip(self.rows, self.numbers, strict=True):
            labels, _ = ndimage.label(self.mask_of(rows))
            yield rows, numbers[labels]

    def sizes_px(self) -> np.ndarray:
        """`(count + 1,)` pixels of each region; what is outside counts as 0."""
        sizes = np.zeros(self.count + 1, np.int64)
        for _, numbers in self:
            sizes += np.bincount(numbers.ravel(), minlength=len(sizes))
        sizes[0] = 0
        return sizes


def find_regions(mask_of: Callable[[slice], np.ndarray], *, height: int) -> Regions:
    """Regions of a mask of `height` rows, joined over the seams of its strips."""
    rows = strips(height)
    counts, seams, last, total = [], [np.empty((2, 0), np.int64)], None, 0
    for strip in rows:
        labels, count = ndimage.label(mask_of(strip))
        first = labels[0].astype(np.int64)
        if last is not None:
            both = (last > 0) & (first > 0)
            seams.append(np.stack([last[both] - 1, first[both] + total - 1]))
        last = np.where(labels[-1] > 0, labels[-1] + total, 0)
        counts.append(count)
        total += count
    a, b = np.concatenate(seams, axis=1)
    graph = sparse.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(total, total))
    count, regions = connected_components(graph, directed=False)
    of_strips = np.split(regions + 1, np.cumsum(counts)[:-1])
    numbers = [np.concatenate([[0], found]).astype(np.int32) for found in of_strips]
    return Regions(mask_of, rows, numbers, count)
