"""Bring a scene onto another grid, given where each place of the grid lies in the scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel import geo
from factory_core.kernel.geo import Raster
from factory_core.process.pixels import to_dtype, with_nodata

Resampling = Literal["nearest", "bilinear", "cubic"]
# From 1-D columns and rows of the new grid (in pixels from its corner) to the 2-D columns and
# rows of the scene that belong there.
Places = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Source pixels, along a side, that are held at once; and pixels that fit a processor's cache.
MAX_SOURCE_PX = 2048
PIECE_PX = 512
# Places are computed at every 16th pixel of the new grid, counted from its corner, and
# interpolated between: with the smooth models there are, to some thousandths of a pixel.
NODE_PX = 16
# Pixels to each side of a place, with its own, that an interpolation needs.
REACH_PX = {"nearest": 1, "bilinear": 1, "cubic": 2}


def warp(raster: Raster, *, grid: GeoBox, places: Places, resampling: Resampling) -> Raster:
    """`raster` on `grid`, each pixel the same in whatever window it is read.

    A pixel coarser than those of the scene is the mean of as many samples as the scene has
    pixels below it, so nothing aliases. Where less than half of a pixel has data, it has none.
    A scene of whole numbers without a nodata value gets 0 as one, and its pixels at least 1.
    """
    nodata, lowest = with_nodata(raster)
    finer = geo.resolution_m(grid) / geo.resolution_m(raster.geobox)
    samples = 1 if resampling == "nearest" else max(1, int(np.ceil(finer - 0.05)))

    def read(window: GeoBox) -> np.ndarray:
        first_row, first_column = geo.offset_px(window, of=grid)
        result = np.empty((len(raster.bands), *window.shape), raster.dtype)
        for rows, columns in _pieces(
            *window.shape, step=max(1, min(PIECE_PX, int(MAX_SOURCE_PX / finer)))
        ):
            column, row = places(
                _centres(first_column + columns.start, first_column + columns.stop, samples),
                _centres(first_row + rows.start, first_row + rows.stop, samples),
            )
            values = _mean(sample(raster, column, row, resampling=resampling), samples)
            result[:, rows, columns] = to_dtype(values, raster, nodata=nodata, lowest=lowest)
        return outside_is(nodata, result, first_row, first_column, grid)

    return replace(raster, geobox=grid, nodata=nodata, read=read, sensor=None)


def outside_is(
    nodata: float, pixels: np.ndarray, row: int, column: int, grid: GeoBox
) -> np.ndarray:
    """`pixels` of a window at `(row, column)`, with `nodata` in what lies outside of `grid`."""
    height, width = grid.shape
    pixels[:, : max(-row, 0)] = pixels[:, max(height - row, 0) :] = nodata
    pixels[:, :, : max(-column, 0)] = pixels[:, :, max(width - column, 0) :] = nodata
    return pixels


def _pieces(height: int, width: int, *, step: int) -> Iterator[tuple[slice, slice]]:
    for row in range(0, height, step):
        for column in range(0, width, step):
            yield (
                slice(row, min(row + step, height)),
                slice(column, min(column + step, width)),
            )


def _centres(start: int, stop: int, samples: int) -> np.ndarray:
    """Middles of the samples of pixels, counted from the first pixel of the grid.

    Not of a window: so they are the same to the last bit however the grid is cut.
    """
    return (np.arange(start * samples, stop * samples) + 0.5) / samples


def _mean(values: np.ndarray, samples: int) -> np.ndarray:
    """Mean of each square of `samples` by `samples`, NaN where less than half has data."""
    if samples == 1:
        return values
    bands, height, width = values.shape
    squares = values.reshape(bands, height // samples, samples, width // samples, samples)
    there = np.isfinite(squares)
    seen = there.sum(axis=(2, 4))
    total = np.where(there, squares, 0).sum(axis=(2, 4), dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(seen >= samples * samples / 2, total / seen, np.nan)


def between_nodes(
    values: Callable[[np.ndarray, np.ndarray], np.ndarray],
    across: np.ndarray,
    down: np.ndarray,
    *,
    node_px: int = NODE_PX,
) -> np.ndarray:
    """Smooth `values`, computed at the nodes of a grid and interpolated linearly between.

    Args:
        values: Takes 2-D columns and rows in pixels of the grid, gives `(value, *shape)`.
        across: 1-D columns, rising.
        down: 1-D rows, rising.
        node_px: Pixels from node to node.

    Returns:
        `(value, row, column)`.
    """
    j, s = np.divmod(across / node_px, 1)
    i, t = np.divmod(down / node_px, 1)
    columns = np.arange(j[0], j[-1] + 2) * node_px
    rows = np.arange(i[0], i[-1] + 2) * node_px
    nodes = values(*np.meshgrid(columns, rows))
    # How many places follow each node; most have as many.
    i, j = (np.bincount((of - of[0]).astype(np.intp)) for of in (i, j))
    lines = np.repeat(np.diff(nodes, axis=1), i, axis=1)
    lines *= t[:, None]
    lines += np.repeat(nodes[:, :-1], i, axis=1)
    found = np.repeat(np.diff(lines, axis=2), j, axis=2)
    found *= s
    found += np.repeat(lines[:, :, :-1], j, axis=2)
    return found


def sample(
    raster: Raster, column: np.ndarray, row: np.ndarray, *, resampling: Resampling
) -> np.ndarray:
    """Values `(band, *column.shape)` at places of `raster`, NaN without data or outside it.

    Where some of the neighbours have no data, the others share their weight; where those
    with data have less than half of it, there is none. `cubic` is the convolution with
    a = -0.5 (Keys 1981), as in GDAL.
    """
    height, width = raster.geobox.shape
    exact = np.result_type(np.dtype(raster.dtype), np.float32)
    ends = (column.min(), row.min(), width - column.max(), height - row.max())
    inside = None  # all of them
    if not min(ends) >= 0:
        inside = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
        if not inside.any():
            return np.full((len(raster.bands), *column.shape), np.nan, exact)
        some = np.flatnonzero(inside)[0]
        column = np.where(inside, column, column.flat[some])
        row = np.where(inside, row, row.flat[some])
    reach = REACH_PX[resampling]
    half = 0.0 if resampling == "nearest" else 0.5
    left = int(np.floor(column.min() - half)) - reach + 1
    right = int(np.floor(column.max() - half)) + reach + 1
    top = int(np.floor(row.min() - half)) - reach + 1
    bottom = int(np.floor(row.max() - half)) + reach + 1
    pixels, valid = _read_edged(raster, top, bottom, left, right, exact)
    column, row = column - half, row - half
    x, y = np.floor(column), np.floor(row)
    column -= x
    row -= y
    # Of the upper left neighbour.
    first = ((y - (top + reach - 1)) * (right - left) + (x - (left + reach - 1))).astype(np.intp)
    weights = (
        _weights(column.astype(exact, copy=False), resampling),
        _weights(row.astype(exact, copy=False), resampling),
    )
    found = _gather(pixels, first, weights, right - left)
    if valid is not None:
        share = _gather(valid, first, weights, right - left)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(share >= 0.5, found / share, np.nan).astype(exact)
    if inside is not None:
        found[:, ~inside] = np.nan
    return found


def _read_edged(
    raster: Raster, top: int, bottom: int, left: int, right: int, exact: np.dtype
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels with the outermost repeated beyond the edge, and 1 where they have data.

    The second is None where all of them have.
    """
    height, width = raster.geobox.shape
    edges = [sorted((0, place, end - 1))[1] for place, end in ((top, height), (left, width))]
    ends = [sorted((1, place, end))[1] for place, end in ((bottom, height), (right, width))]
    shape = (max(ends[0] - edges[0], 1), max(ends[1] - edges[1], 1))
    window = geo.window_at(raster.geobox, row=edges[0], column=edges[1], shape=shape)
    pixels = raster.read(window)
    rows = np.clip(np.arange(top, bottom) - edges[0], 0, shape[0] - 1)
    columns = np.clip(np.arange(left, right) - edges[1], 0, shape[1] - 1)
    if len(rows) != shape[0] or len(columns) != shape[1]:
        pixels = pixels[:, rows[:, None], columns]
    valid = np.isfinite(pixels) if pixels.dtype.kind == "f" else np.ones(pixels.shape, bool)
    if raster.nodata is not None:
        valid &= pixels != raster.nodata
    if valid.all():
        return pixels.astype(exact, copy=False), None
    return np.where(valid, pixels, 0).astype(exact), valid.astype(exact)


def _weights(f: np.ndarray, resampling: Resampling) -> list[np.ndarray]:
    """Weight of each neighbour for places at `f` in [0, 1) between the middle two."""
    if resampling == "nearest":
        return [np.ones((), f.dtype)]
    if resampling == "bilinear":
        return [1 - f, f]
    return [
        ((-0.5 * f + 1) * f - 0.5) * f,
        (1.5 * f - 2.5) * f * f + 1,
        ((-1.5 * f + 2) * f + 0.5) * f,
        (0.5 * f - 0.5) * f * f,
    ]


def _gather(
    pixels: np.ndarray,
    first: np.ndarray,
    weights: tuple[list[np.ndarray], list[np.ndarray]],
    width: int,
) -> np.ndarray:
    """Weighted sum over the neighbours of each place; `first` counts to the upper left one."""
    across, down = weights
    result = np.empty((len(pixels), *first.shape), pixels.dtype)
    for total, source in zip(result, pixels, strict=True):
        line = source.ravel()
        total[:] = 0
        for below, weight in enumerate(down):
            value = np.zeros_like(total)
            for beside, share in enumerate(across):
                neighbour = line[below * width + beside :].take(first)
                neighbour *= share
                value += neighbour
            value *= weight
            total += value
    return result
