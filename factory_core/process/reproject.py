"""Bring a scene to a CRS in metres and to one resolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from factory_core.kernel import geo
from factory_core.kernel.geo import Raster

# Source pixels, along a side, that are held at once.
MAX_SOURCE_PX = 2048
ORDERS = {"nearest": 0, "bilinear": 1}


@dataclass(frozen=True)
class Reproject:
    """Resample to metres, each pixel from exactly computed places of the scene.

    A pixel coarser than those of the scene is the mean of as many samples as the scene has
    pixels below it, so nothing aliases. What a pixel becomes does not depend on the window
    it is read in. Where less than half of a pixel has data, it has none. A scene of whole
    numbers without a nodata value gets 0 as one, and its pixels at least 1.

    Attributes:
        crs: `auto`, the scene's own where it is in metres and else its UTM zone, or a code.
        resolution_m: Side of a pixel; null keeps that of the scene.
        resampling: `bilinear`, or `nearest` for values that must not mix.

    Raises:
        ValueError: A CRS that is not in metres, or a resolution that is not positive.
    """

    crs: str = "auto"
    resolution_m: float | None = None
    resampling: Literal["nearest", "bilinear"] = "bilinear"

    def __post_init__(self) -> None:
        if self.crs != "auto" and not geo.is_metric(self.crs):
            raise ValueError(f"`crs` must be `auto` or in metres. Received: {self.crs!r}.")
        if self.resolution_m is not None and self.resolution_m <= 0:
            raise ValueError(f"`resolution_m` must be positive. Received: {self.resolution_m}.")

    def __call__(self, raster: Raster) -> Raster:
        """`raster` on its new grid; itself where nothing changes."""
        grid = self.grid(raster.geobox)
        if grid == raster.geobox:
            return raster
        whole = np.dtype(raster.dtype).kind in "iu"
        nodata = raster.nodata
        if nodata is None:
            nodata = 0.0 if whole else float("nan")
        finer = geo.resolution_m(grid) / geo.resolution_m(raster.geobox)
        samples = 1 if self.resampling == "nearest" else max(1, int(np.ceil(finer - 1e-6)))

        def read(window: GeoBox) -> np.ndarray:
            first_row, first_column = geo.offset_px(window, of=grid)
            result = np.empty((len(raster.bands), *window.shape), raster.dtype)
            for rows, columns in _pieces(*window.shape, step=max(1, int(MAX_SOURCE_PX / finer))):
                x, y = _places(
                    grid,
                    raster.geobox,
                    rows=(first_row + rows.start, first_row + rows.stop),
                    columns=(first_column + columns.start, first_column + columns.stop),
                    samples=samples,
                )
                values = _sample(raster, x, y, order=ORDERS[self.resampling])
                values = _mean(values, samples)
                if whole:
                    limits = np.iinfo(raster.dtype)
                    lowest = 1 if raster.nodata is None else limits.min
                    values = np.clip(np.rint(values), lowest, limits.max)
                result[:, rows, columns] = np.where(np.isnan(values), nodata, values)
            return result

        return replace(raster, geobox=grid, nodata=nodata, read=read)

    def grid(self, scene: GeoBox) -> GeoBox:
        """The grid to which a scene is brought: its own origin, or whole pixels from the CRS's."""
        crs = geo.metric_crs(scene) if self.crs == "auto" else self.crs
        side = self.resolution_m or geo.resolution_m(scene)
        affine = scene.affine
        if str(scene.crs) == str(crs):
            if self.resolution_m is None:
                return scene
            if affine.b == affine.d == 0 and affine.a > 0 > affine.e:
                height = int(np.ceil(scene.shape[0] * -affine.e / side - 1e-6))
                width = int(np.ceil(scene.shape[1] * affine.a / side - 1e-6))
                there = Affine(side, 0, affine.c, 0, -side, affine.f)
                return GeoBox((max(1, height), max(1, width)), there, crs)
        outline = gpd.GeoSeries([geo.footprint(scene)], crs=str(scene.crs))
        step = max(np.ptp(outline.total_bounds[[0, 2]]), np.ptp(outline.total_bounds[[1, 3]])) / 64
        left, low, right, high = outline.segmentize(step).to_crs(crs).total_bounds / side
        left, top = np.floor(left), np.ceil(high)
        shape = (max(1, int(np.ceil(top - low))), max(1, int(np.ceil(right - left))))
        return GeoBox(shape, Affine(side, 0, left * side, 0, -side, top * side), crs)


def _pieces(height: int, width: int, *, step: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, height, step):
        for column in range(0, width, step):
            yield (
                slice(row, min(row + step, height)),
                slice(column, min(column + step, width)),
            )


def _places(
    grid: GeoBox,
    scene: GeoBox,
    *,
    rows: tuple[int, int],
    columns: tuple[int, int],
    samples: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Column and row in `scene` of `samples` by `samples` points in each pixel of `grid`.

    They are counted from the first pixel of the grid, not of a window, so that they are
    the same to the last bit however the grid is cut.
    """
    down = (np.arange(rows[0] * samples, rows[1] * samples) + 0.5) / samples
    across = (np.arange(columns[0] * samples, columns[1] * samples) + 0.5) / samples
    across, down = np.meshgrid(across, down)
    x, y = _apply(grid.affine, across, down)
    if str(grid.crs) != str(scene.crs):
        x, y = _transformer(str(grid.crs), str(scene.crs)).transform(x, y)
    return _apply(~scene.affine, x, y)


def _apply(affine: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


@lru_cache
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def _sample(raster: Raster, x: np.ndarray, y: np.ndarray, *, order: int) -> np.ndarray:
    """Values `(band, *x.shape)` at columns `x` and rows `y` of `raster`, NaN without data."""
    height, width = raster.geobox.shape
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    values = np.full((len(raster.bands), *x.shape), np.nan)
    if not inside.any():
        return values
    left, right = _reach(x[inside], width)
    top, bottom = _reach(y[inside], height)
    window = geo.window_at(raster.geobox, row=top, column=left, shape=(bottom - top, right - left))
    pixels = raster.read(window)
    there = np.stack([y - 0.5 - top, x - 0.5 - left])
    for band, source in enumerate(pixels):
        valid = np.isfinite(source)
        if raster.nodata is not None:
            valid &= source != raster.nodata
        filled = np.where(valid, source, 0).astype(np.float64)
        found = map_coordinates(filled, there, order=order, mode="nearest", prefilter=False)
        if not valid.all():
            share = map_coordinates(
                valid.astype(np.float64), there, order=order, mode="nearest", prefilter=False
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                found = np.where(share >= 0.5, found / share, np.nan)
        values[band] = np.where(inside, found, np.nan)
    return values


def _reach(places: np.ndarray, length: int) -> tuple[int, int]:
    """First pixel and end of what interpolation at `places` needs."""
    return (
        max(int(np.floor(places.min())) - 1, 0),
        min(int(np.ceil(places.max())) + 1, length),
    )


def _mean(values: np.ndarray, samples: int) -> np.ndarray:
    """Mean of each square of `samples` by `samples`, NaN where less than half has data."""
    if samples == 1:
        return values
    bands, height, width = values.shape
    squares = values.reshape(bands, height // samples, samples, width // samples, samples)
    seen = np.isfinite(squares).sum(axis=(2, 4))
    total = np.nansum(squares, axis=(2, 4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(seen >= samples * samples / 2, total / seen, np.nan)
