"""The cells of a scene: a regular grid of squares, each measured by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from factory_core.catalogue.view import Context, View
from factory_core.kernel import geo

CELL_PX = 128
# A cell of coarser scenes is larger than asked: in fewer pixels nothing can be measured.
MIN_CELL_PX = 16


@dataclass(frozen=True)
class Cell:
    """A piece of a scene in pixels: half-open rows and columns."""

    rows: slice
    columns: slice

    def grid(self, scene: GeoBox) -> GeoBox:
        """Its pixels."""
        shape = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        return geo.window_at(scene, row=self.rows.start, column=self.columns.start, shape=shape)

    def middle(self, side_px: int) -> Cell:
        """Its middle, at most `side_px` wide and high."""
        return Cell(_middle(self.rows, side_px), _middle(self.columns, side_px))


def _middle(span: slice, side_px: int) -> slice:
    length = min(span.stop - span.start, side_px)
    start = span.start + (span.stop - span.start - length) // 2
    return slice(start, start + length)


def cut_cells(scene: GeoBox, *, cell_m: float) -> list[Cell]:
    """Cut a scene into squares of `cell_m` metres along its own pixels, row by row.

    Those at the lower and right edge are cut off there. No cell but those is narrower than
    `MIN_CELL_PX` pixels.
    """
    steps = [max(MIN_CELL_PX, round(cell_m / side)) for side in _pixel_sides_m(scene)]
    return [
        Cell(rows, columns)
        for rows in _spans(scene, steps, 0)
        for columns in _spans(scene, steps, 1)
    ]


def _spans(scene: GeoBox, steps: Sequence[int], axis: int) -> list[slice]:
    length, step = scene.shape[axis], steps[axis]
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def _pixel_sides_m(scene: GeoBox) -> tuple[float, float]:
    """Height and width of the pixel in the middle of a scene, on the ground."""
    height, width = scene.shape
    row, column = height / 2, width / 2
    corners = [
        scene.affine @ place for place in ((column, row), (column, row + 1), (column + 1, row))
    ]
    metric = Transformer.from_crs(str(scene.crs), geo.metric_crs(scene), always_xy=True)
    (x, y), down, right = (metric.transform(*corner) for corner in corners)
    return math.dist((x, y), down), math.dist((x, y), right)


def outline_cells(scene: GeoBox, cells: Sequence[Cell]) -> gpd.GeoSeries:
    """Outline of each cell in the scene's CRS in metres."""
    outlines = [geo.footprint(cell.grid(scene)) for cell in cells]
    return gpd.GeoSeries(outlines, crs=str(scene.crs)).to_crs(geo.metric_crs(scene))


@dataclass(frozen=True)
class Measured:
    """What was measured in a scene; NaN where it could not be told.

    Attributes:
        scene: Value of the scene, by context.
        cells: Values of its cells in their order, by context.
        data_px: Number of pixels with data.
    """

    scene: Mapping[str, float]
    cells: Mapping[str, Sequence[float]]
    data_px: float


def measure_cells(
    cells: Sequence[Cell],
    *,
    look: Callable[[Cell], View],
    contexts: Mapping[str, Context],
) -> Measured:
    """Measure every cell, and the scene as the mean of its cells.

    A cell counts by the number of its pixels with data; for a context that has a value where
    there is no data at all (the share of nodata, the sun, relief), by all of its pixels.

    Args:
        cells: Of one scene.
        look: Reads a cell; one is in memory at a time.
        contexts: What to measure, by name.

    """
    measured: dict[str, list[float]] = {name: [] for name in contexts}
    sizes, shares = [], []
    view = None
    for cell in cells:
        view = look(cell)
        sizes.append(_size(cell))
        shares.append(view.seen.mean())
        for name, context in contexts.items():
            with np.errstate(all="ignore"):
                measured[name].append(float(context(view)))
    whole = {}
    for name, context in contexts.items():
        by_area = view is not None and math.isfinite(_blind(context, view))
        weights = np.array(sizes, float) * (1.0 if by_area else np.array(shares))
        whole[name] = _mean(np.array(measured[name]), weights)
    return Measured(whole, measured, data_px=float(np.dot(sizes, shares)))


def _size(cell: Cell) -> int:
    return int(np.prod([span.stop - span.start for span in (cell.rows, cell.columns)]))


def _blind(context: Context, view: View) -> float:
    """What a context says where there is no data."""
    nothing = {name: np.full_like(band, np.nan) for name, band in view.image.items()}
    with np.errstate(all="ignore"):
        return float(context(replace(view, image=nothing, detail=nothing)))


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    known = np.isfinite(values) & (weights > 0)
    if not known.any():
        return float("nan")
    least, most = values[known].min(), values[known].max()
    # Equal values keep their last digit.
    return float(np.clip(np.average(values[known], weights=weights[known]), least, most))
