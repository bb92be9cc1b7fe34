"""Even out local contrast, with a limit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster, offset_px, window_at
from factory_core.kernel.limits import check_at_least

# Curves of regions that are held: some thousand bytes each.
CURVES = 4096
LEVELS = 255


@dataclass(frozen=True)
class Clahe:
    """Contrast-limited adaptive histogram equalisation of 8-bit scenes (0 is nodata).

    The scene is cut into square regions from its corner. In each and for each band, the share
    of every value is limited, what is over is dealt to all, and the sums make a curve; a pixel
    takes the mean of the four nearest curves, weighted by distance.

    Source: Zuiderveld 1994, Contrast limited adaptive histogram equalization, Graphics Gems IV.

    Attributes:
        region_px: Side of a region: some times your largest object.
        clip_limit: How many times the even share a value may have; at 1, no contrast doubles.

    Raises:
        ValueError: A region under 8 pixels, or a limit under 1.
    """

    region_px: int = 128
    clip_limit: float = 3.0

    def __post_init__(self) -> None:
        check_at_least(8, region_px=self.region_px)
        check_at_least(1, clip_limit=self.clip_limit)

    def __call__(self, raster: Raster) -> Raster:
        """`raster` with its local contrast evened out.

        Raises:
            SceneError: It has not 8 bits with 0 as nodata.
        """
        if raster.dtype != "uint8" or raster.nodata != 0:
            raise SceneError(
                f"The scene {raster.scene_id!r} has pixels of {raster.dtype} with nodata "
                f"{raster.nodata}; `clahe` needs uint8 with 0. Put `to_8bit` before it."
            )
        side = self.region_px
        last = [(length - 1) // side for length in raster.geobox.shape]

        @lru_cache(CURVES)
        def curves(row: int, column: int) -> np.ndarray:
            shape = (
                min(side, raster.geobox.shape[0] - row * side),
                min(side, raster.geobox.shape[1] - column * side),
            )
            window = window_at(raster.geobox, row=row * side, column=column * side, shape=shape)
            return np.stack([self._curve(band) for band in raster.read(window)])

        def read(window: GeoBox) -> np.ndarray:
            pixels = raster.read(window)
            first_row, first_column = offset_px(window, of=raster.geobox)
            rows, t = _between(first_row, window.shape[0], side=side, last=last[0])
            columns, s = _between(first_column, window.shape[1], side=side, last=last[1])
            result = np.zeros_like(pixels)
            for i in np.unique(rows):
                for j in np.unique(columns):
                    there = np.ix_(rows == i, columns == j)
                    down, right = min(i + 1, last[0]), min(j + 1, last[1])
                    four = [
                        curves(int(max(a, 0)), int(max(b, 0)))
                        for a, b in ((i, j), (i, right), (down, j), (down, right))
                    ]
                    y, x = t[rows == i][:, None], s[columns == j]
                    for band, source in enumerate(pixels):
                        seen = source[there]
                        a, b, c, d = (curve[band][seen] for curve in four)
                        mixed = (a * (1 - x) + b * x) * (1 - y) + (c * (1 - x) + d * x) * y
                        result[band][there] = np.where(seen == 0, 0, np.rint(mixed))
            return result

        return replace(raster, read=read)

    def _curve(self, pixels: np.ndarray) -> np.ndarray:
        """New value of each of the 256 values; itself where the region is empty."""
        shares = np.bincount(pixels.ravel(), minlength=256)[1:].astype(np.float64)
        total = shares.sum()
        if total == 0:
            return np.arange(256.0)
        limit = self.clip_limit * total / LEVELS
        over = np.maximum(shares - limit, 0).sum()
        dealt = np.minimum(shares, limit) + over / LEVELS
        # The middle of what has a value, so that an even region stays as it is.
        middle = (np.cumsum(dealt) - dealt / 2) / total
        return np.concatenate([[0], np.clip(middle * LEVELS + 0.5, 1, 255)])


def _between(first: int, count: int, *, side: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each pixel, the region whose middle lies before it (-1 at the edge), and how far it is."""
    place = (np.arange(first, first + count) + 0.5) / side - 0.5
    region = np.clip(np.floor(place), -1, last)
    return region.astype(int), np.clip(place - region, 0, 1)
