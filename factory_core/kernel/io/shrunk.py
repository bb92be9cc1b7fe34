"""Rasters smaller than they are: windows by overviews, and other rasters on a given grid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from factory_core.kernel.errors import SceneError
from factory_core.kernel.io.rasters import _open, _scene_errors


def open_shrunk(path: Path) -> Callable[[slice, slice, int], np.ma.MaskedArray]:
    """Open a raster for reading windows of it at a lower resolution.

    The file stays open, so that neighbouring windows share the blocks that GDAL has read;
    overviews are used where the file has them. Memory does not grow with the raster.

    Args:
        path: Anything that GDAL reads, georeferenced or not.

    Returns:
        Takes rows and columns (inside the raster) and the longest side of the result in
        pixels; gives `(band, height, width)` of the raster's type, pixels without data
        masked. Reading a damaged part raises `SceneError`.
    """
    dataset = _open(path)
    lock = threading.Lock()

    def read(rows: slice, columns: slice, max_px: int) -> np.ma.MaskedArray:
        sides = rows.stop - rows.start, columns.stop - columns.start
        shrink = max(1.0, max(sides) / max_px)
        shape = tuple(max(1, round(side / shrink)) for side in sides)
        with lock, _scene_errors(path):
            return dataset.read(
                window=Window.from_slices(rows, columns),
                out_shape=(dataset.count, *shape),
                resampling=Resampling.average,
                masked=True,
            )

    return read


def read_onto(path: Path, *, grid: GeoBox, nearest: bool = False) -> np.ma.MaskedArray:
    """Read the first band of a raster in any CRS, resampled onto a grid.

    Args:
        path: Anything georeferenced that GDAL reads.
        grid: Where the pixels of the result lie.
        nearest: Take the value of the nearest pixel (classes), and not the bilinear mean.

    Returns:
        `(height, width)` of the raster's type; masked where it has no data.

    Raises:
        SceneError: It cannot be read, or has no CRS.
    """
    dataset = _open(path)
    if dataset.crs is None:
        raise SceneError(
            f"{path} has no CRS: it cannot be laid over the scenes. "
            "Set it (`gdal_edit.py -a_srs EPSG:...`)."
        )
    height, width = grid.shape
    with (
        _scene_errors(path),
        WarpedVRT(
            dataset,
            crs=str(grid.crs),
            transform=grid.affine,
            height=height,
            width=width,
            resampling=Resampling.nearest if nearest else Resampling.bilinear,
            add_alpha=dataset.nodata is None,
        ) as warped,
    ):
        if dataset.nodata is not None:
            return warped.read(1, masked=True)
        values, alpha = warped.read([1, warped.count])
        return np.ma.MaskedArray(values, mask=alpha == 0)
