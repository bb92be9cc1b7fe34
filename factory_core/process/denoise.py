"""Take noise out of a scene."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.geo import Raster
from factory_core.kernel.limits import check_above, check_within
from factory_core.process.pixels import grown, to_dtype, values, with_nodata

# Half the side of the squares that non-local means compares.
PATCH_PX = 1


@dataclass(frozen=True)
class Denoise:
    """Smooth each band and keep its edges; what has no data stays so and smooths nothing.

    `median`: of the square around a pixel; takes out specks.
    `bilateral`: mean of the square, weighted by nearness and by likeness (Tomasi and
    Manduchi 1998).
    `non_local_means`: mean of the square, weighted by how like the 3 by 3 pixels around each
    are to those around the pixel (Buades et al. 2005).

    A pixel depends on those up to `radius_px` away (one more for `non_local_means`), and is
    the same in whatever window it is read.

    Attributes:
        method: As above.
        radius_px: Half the side of the square, without the pixel itself.
        strength: Difference of values that counts as noise, in the unit of the pixels:
            about its standard deviation. `median` has no use for it.

    Raises:
        ValueError: A radius under 1 or over 15, or a strength that is not positive.
    """

    method: Literal["median", "bilateral", "non_local_means"] = "median"
    radius_px: int = 1
    strength: float = 10.0

    def __post_init__(self) -> None:
        check_within(1, 15, radius_px=self.radius_px)
        check_above(0, strength=self.strength)

    @property
    def halo_px(self) -> int:
        """How far a pixel looks."""
        return self.radius_px + (PATCH_PX if self.method == "non_local_means" else 0)

    def __call__(self, raster: Raster) -> Raster:
        """`raster` with less noise."""
        nodata, lowest = with_nodata(raster)
        smooth = {
            "median": self._median,
            "bilateral": self._bilateral,
            "non_local_means": self._non_local_means,
        }[self.method]

        def read(window: GeoBox) -> np.ndarray:
            wide = values(raster, grown(window, self.halo_px))
            inside = _shifted(wide, 0, 0, halo=self.halo_px)
            found = np.stack([smooth(band) for band in wide])
            return to_dtype(
                np.where(np.isnan(inside), np.nan, found), raster, nodata=nodata, lowest=lowest
            )

        return replace(raster, nodata=nodata, read=read)

    def _steps(self) -> Iterator[tuple[int, int]]:
        reach = range(-self.radius_px, self.radius_px + 1)
        return ((down, across) for down in reach for across in reach)

    def _median(self, wide: np.ndarray) -> np.ndarray:
        seen = np.stack([_shifted(wide, *step, halo=self.halo_px) for step in self._steps()])
        seen.sort(axis=0)  # NaN go to the end
        count = np.isfinite(seen).sum(axis=0)
        low, high = np.maximum(count - 1, 0) // 2, count // 2
        middle = np.take_along_axis(seen, np.stack([low, np.minimum(high, len(seen) - 1)]), axis=0)
        return np.where(count > 0, (middle[0] + middle[1]) / 2, np.nan)

    def _bilateral(self, wide: np.ndarray) -> np.ndarray:
        here = _shifted(wide, 0, 0, halo=self.halo_px)
        total, weights = np.zeros_like(here), np.zeros_like(here)
        for down, across in self._steps():
            there = _shifted(wide, down, across, halo=self.halo_px)
            apart = (down**2 + across**2) / (2 * (self.radius_px / 2) ** 2)
            weight = np.exp(-apart - (there - here) ** 2 / (2 * self.strength**2))
            total, weights = _add(total, weights, there, weight)
        return _divided(total, weights)

    def _non_local_means(self, wide: np.ndarray) -> np.ndarray:
        patch_steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        halo = self.halo_px
        here = _shifted(wide, 0, 0, halo=halo)
        total, weights = np.zeros_like(here), np.zeros_like(here)
        rim = self.radius_px
        middle = _shifted(wide, 0, 0, halo=rim)
        for down, across in self._steps():
            apart = (_shifted(wide, down, across, halo=rim) - middle) ** 2
            known = np.isfinite(apart)
            apart = np.where(known, apart, 0)
            squares = np.zeros_like(here)
            count = np.zeros_like(here)
            for step in patch_steps:
                squares += _shifted(apart, *step, halo=PATCH_PX)
                count += _shifted(known, *step, halo=PATCH_PX)
            # Two noisy squares differ by twice the variance of the noise, on average.
            like = np.maximum(_divided(squares, count) - 2 * self.strength**2, 0)
            weight = np.exp(-like / self.strength**2)
            total, weights = _add(total, weights, _shifted(wide, down, across, halo=halo), weight)
        return _divided(total, weights)


def _shifted(wide: np.ndarray, down: int, across: int, *, halo: int) -> np.ndarray:
    """What lies `down` and `across` of each pixel inside the halo."""
    height, width = (side - 2 * halo for side in wide.shape[-2:])
    rows = slice(halo + down, halo + down + height)
    return wide[..., rows, halo + across : halo + across + width]


def _add(
    total: np.ndarray, weights: np.ndarray, there: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(there) & np.isfinite(weight)
    weight = np.where(known, weight, 0)
    return total + np.where(known, there, 0) * weight, weights + weight


def _divided(total: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / weights)
