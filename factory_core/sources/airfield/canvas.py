"""A picture in reflectance onto which shapes are painted with soft edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.features import rasterize
from scipy.ndimage import zoom
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from factory_core.sources.airfield.spectra import BANDS, spectrum

# Shapes are drawn this much finer and averaged, as a sensor mixes what falls into a pixel.
FINER = 4


@dataclass(frozen=True)
class Canvas:
    """Reflectance of a scene while it is painted.

    Shapes are in metres: x to the right and y down from the first corner.

    Attributes:
        pixels: `(band, height, width)` float32, painted in place: reflectance in `BANDS`, then
            the shares of the pixel under living plants, under snow and in shade.
        resolution_m: Side of a pixel.
    """

    pixels: np.ndarray
    resolution_m: float

    def paint(
        self, shape: BaseGeometry, surface: str, *, tone: float = 1.0, opacity: float = 1.0
    ) -> None:
        """Cover `shape` with a surface, `tone` times as bright as it is listed."""
        colour = spectrum(surface, tone=tone)[:, None, None]
        for rows, columns, cover in self._covered(shape):
            spot = self.pixels[:, rows, columns]
            spot += (colour - spot) * (cover * opacity)

    def shade(self, shape: BaseGeometry, *, depth: float) -> None:
        """Take away the sun over `shape`; the sky, bluer than the sun, still lights it."""
        taken = depth * np.array([0.80, 0.90, 0.95, 1.0], np.float32)[:, None, None]
        for rows, columns, cover in self._covered(shape):
            spot = self.pixels[: len(BANDS), rows, columns]
            spot *= 1 - cover * taken
            shade = self.pixels[-1, rows, columns]
            shade += (1 - shade) * cover

    def cover(self, shape: BaseGeometry) -> np.ndarray:
        """Share of each pixel that `shape` covers, `(height, width)`."""
        whole = np.zeros(self.pixels.shape[1:], np.float32)
        for rows, columns, cover in self._covered(shape):
            whole[rows, columns] = np.maximum(whole[rows, columns], cover)
        return whole

    def _covered(self, shape: BaseGeometry) -> Iterator[tuple[slice, slice, np.ndarray]]:
        height, width = self.pixels.shape[1:]
        for part in getattr(shape, "geoms", [shape]):
            if not isinstance(part, Polygon) or part.is_empty:
                continue
            left, top, right, bottom = (value / self.resolution_m for value in part.bounds)
            rows = slice(max(int(np.floor(top)), 0), min(int(np.ceil(bottom)), height))
            columns = slice(max(int(np.floor(left)), 0), min(int(np.ceil(right)), width))
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            yield rows, columns, self._draw(part, rows, columns)

    def _draw(self, part: Polygon, rows: slice, columns: slice) -> np.ndarray:
        height, width = rows.stop - rows.start, columns.stop - columns.start
        side = self.resolution_m / FINER
        corner = Affine(
            side, 0, columns.start * self.resolution_m, 0, side, rows.start * self.resolution_m
        )
        fine = rasterize([part], (height * FINER, width * FINER), transform=corner, dtype="uint8")
        fine = fine.reshape(height, FINER, width, FINER)
        return np.asarray(fine.mean(axis=(1, 3), dtype=np.float32))


def texture(
    rng: np.random.Generator, shape: tuple[int, int], *, coarsest_px: int, finest_px: int = 1
) -> np.ndarray:
    """Noise with detail at every size from `coarsest_px` to `finest_px`, mean 0, deviation 1."""
    height, width = shape
    total = np.zeros(shape, np.float32)
    size = min(coarsest_px, max(height, width) // 2)
    while size >= finest_px:
        coarse = rng.normal(size=(height // size + 4, width // size + 4)).astype(np.float32)
        fine = zoom(coarse, size, order=1 if size < 4 else 3) if size > 1 else coarse
        total += fine[size : size + height, size : size + width] * size**0.7
        size //= 2
    return np.asarray((total - total.mean()) / max(float(total.std()), 1e-6))
