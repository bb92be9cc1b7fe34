"""What a scene really shows: its grid without the pixels that have no data, as they are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from rasterio.features import shapes
from scipy import ndimage

from factory_core.kernel.geo import Raster, footprint, offset_px

MAX_CELLS = 8192
# Gaps of data that are narrower are no edge: dark pixels, dead lines of a sensor.
SPECK_CELLS = 9


@dataclass(frozen=True)
class Ground:
    """What a scene shows, in the CRS of its grid.

    Attributes:
        shape: Polygon or MultiPolygon.
        slack_m: How far its edge may lie beside the last pixel with data.
    """

    shape: shapely.Geometry
    slack_m: float = 0.0


@dataclass(frozen=True)
class Watch:
    """Remembers which pixels of a scene have data, while all of it is read by windows.

    No pixel is read for it a second time. Of a scene of more than `MAX_CELLS` pixels a side
    squares of pixels are remembered, so that its size does not matter to memory.

    Attributes:
        geobox: Grid of the scene.
        step_px: Side of a square.
        cells: `(row, column)` of squares: whether a pixel with data has been read there.
    """

    geobox: GeoBox
    step_px: int
    cells: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, geobox: GeoBox, *, max_cells: int = MAX_CELLS) -> Watch:
        """One that has seen nothing yet."""
        step = -(-max(geobox.shape) // max_cells)
        height, width = geobox.shape
        return cls(geobox, step, np.zeros((-(-height // step), -(-width // step)), bool))

    def over(self, raster: Raster) -> Raster:
        """The scene, watched when it is read; one without nodata has data everywhere."""
        if raster.nodata is None:
            self.cells[:] = True
            return raster
        nodata = raster.nodata

        def read(window: GeoBox) -> np.ndarray:
            pixels = raster.read(window)
            missing = np.isnan(pixels) if np.isnan(nodata) else pixels == nodata
            self._mark(window, ~missing.all(axis=0))
            return pixels

        return replace(raster, read=read)

    def _mark(self, window: GeoBox, known: np.ndarray) -> None:
        row, column = offset_px(window, of=self.geobox)
        height, width = self.geobox.shape
        inside = known[max(-row, 0) : height - row, max(-column, 0) : width - column]
        if not inside.size:
            return
        row, column = max(row, 0), max(column, 0)
        rows = np.arange(row, row + inside.shape[0]) // self.step_px
        columns = np.arange(column, column + inside.shape[1]) // self.step_px
        by_row = np.logical_or.reduceat(inside, np.unique(rows, return_index=True)[1], axis=0)
        found = np.logical_or.reduceat(by_row, np.unique(columns, return_index=True)[1], axis=1)
        self.cells[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] |= found

    def ground(self) -> Ground:
        """What has been seen: straight edges, without specks."""
        whole = footprint(self.geobox)
        if self.cells.all():
            return Ground(whole)
        reach = SPECK_CELLS // 2
        wide = ndimage.maximum_filter(np.pad(self.cells, reach), SPECK_CELLS)
        closed = ndimage.minimum_filter(wide, SPECK_CELLS)[reach:-reach, reach:-reach]
        outlines = [
            shapely.Polygon(outline["coordinates"][0], outline["coordinates"][1:])
            for outline, _ in shapes(closed.astype(np.uint8), mask=closed)
        ]
        # A staircase of cells that leaves a straight line by less than a cell is that line.
        smooth = shapely.simplify(shapely.union_all(outlines), 1.0)
        a, b, c, d, e, f = (self.geobox.affine @ self.geobox.affine.scale(self.step_px))[:6]
        linear = np.array([[a, d], [b, e]])
        placed = shapely.transform(smooth, lambda points: points @ linear + [c, f])
        cell_m = abs(self.geobox.affine.determinant) ** 0.5 * self.step_px
        return Ground(shapely.intersection(shapely.make_valid(placed), whole), cell_m)
