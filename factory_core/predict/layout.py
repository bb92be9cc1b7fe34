"""Where the windows of a scene lie, and how they are grouped into blocks of work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.geo import starts_px

BLOCK_PX = 2048
SHARES = 1024


@dataclass(frozen=True)
class Axis:
    """The windows along one side of a scene, in blocks of about `BLOCK_PX`.

    Attributes:
        length_px: Side of the scene.
        window_px: Side of a window.
        overlap_px: Pixels that neighbours share, at least.
    """

    length_px: int
    window_px: int
    overlap_px: int

    @cached_property
    def starts(self) -> list[int]:
        """First pixel of each window."""
        return starts_px(self.length_px, size_px=self.window_px, overlap_px=self.overlap_px)

    @cached_property
    def blocks(self) -> list[range]:
        """Numbers of the windows of each block."""
        count = max(1, BLOCK_PX // (self.window_px - self.overlap_px))
        windows = range(len(self.starts))
        return [windows[first : first + count] for first in windows[::count]]

    def extent(self, block: int) -> slice:
        """Pixels that the windows of `block` cover; may reach over the end of the scene."""
        windows = self.blocks[block]
        return slice(self.starts[windows[0]], self.starts[windows[-1]] + self.window_px)

    def own(self, block: int) -> slice:
        """Pixels from the first of `block` to the first of the next; they share out the scene."""
        first = self.starts[self.blocks[block][0]]
        if block + 1 == len(self.blocks):
            return slice(first, self.length_px)
        return slice(first, self.starts[self.blocks[block + 1][0]])

    @cached_property
    def cores(self) -> list[tuple[float, float]]:
        """Of each window, the pixels nearer to its middle than to a neighbour's."""
        ends = [start + self.window_px for start in self.starts]
        cuts = [(start + end) / 2 for start, end in zip(self.starts[1:], ends[:-1], strict=True)]
        bounds = [0.0, *cuts, float(self.length_px)]
        return list(pairwise(bounds))

    def shares(self, profile: np.ndarray) -> np.ndarray:
        """What each window counts for at each of its pixels, in whole `1 / SHARES`.

        The shares of the windows over a pixel add up to `SHARES` exactly, so sums
        do not depend on their order, and a constant map stays constant.

        Args:
            profile: `(window_px,)`, relative weight along a window, above 0.

        Returns:
            `(window, window_px)` uint32.
        """
        places = [slice(start, start + self.window_px) for start in self.starts]
        total = np.zeros(self.starts[-1] + self.window_px)
        for place in places:
            total[place] += profile
        reached = np.zeros_like(total)
        shares = np.empty((len(places), self.window_px), np.uint32)
        for share, place in zip(shares, places, strict=True):
            before = np.rint(SHARES * reached[place] / total[place])
            reached[place] += profile
            share[:] = np.rint(SHARES * reached[place] / total[place]) - before
        return shares


@dataclass(frozen=True)
class Layout:
    """The windows of a scene: every pair of a row and a column of windows."""

    rows: Axis
    columns: Axis

    @property
    def window_px(self) -> int:
        """Side of a window."""
        return self.rows.window_px


def lay_out(scene: GeoBox, *, window_px: int, overlap_px: int) -> Layout:
    """Cover a scene with windows, as `geo.cut_windows` does."""
    height, width = scene.shape
    return Layout(Axis(height, window_px, overlap_px), Axis(width, window_px, overlap_px))
