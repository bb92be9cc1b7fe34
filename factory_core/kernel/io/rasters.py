"""Rasters in and out: GeoTIFFs by windows, cloud-optimised GeoTIFFs."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.shutil import copy as copy_raster
from rasterio.windows import Window

from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster, ScoreMap, offset_px
from factory_core.kernel.io.outputs import not_written, staged_file
from factory_core.kernel.io.sensors import approximate_grid, read_sensor, sensor_profile
from factory_core.kernel.sensor import Sensor

COG_BLOCK_PX = 512
BLOCKS_INSTEAD = (384, 640, 448)


def open_raster(path: Path, *, bands: tuple[str, ...] = (), at: GeoBox | None = None) -> Raster:
    """Open a raster with a place on the ground for reading by windows.

    A scene with RPCs or ground points and no map projection keeps them as its `sensor`; its
    grid is then the affine one in EPSG:4326 that comes nearest.

    Args:
        path: GeoTIFF or anything else that GDAL reads.
        bands: Names of its bands, where the file does not tell them.
        at: Where it lies, for a file that does not tell.

    Raises:
        SceneError: It cannot be opened, has no place on the ground, or the number of
            names differs from the number of bands. Reading a damaged part raises it too.
    """
    dataset = _open(path)
    names = bands or _band_names(dataset)
    if len(names) != dataset.count:
        raise SceneError(
            f"{path} has {dataset.count} bands, and {len(names)} names were given: "
            f"{', '.join(names)}. Name each band, in the order of the file."
        )
    grid, sensor = _place(dataset, path) if at is None else (at, None)
    if len(set(dataset.dtypes)) > 1:
        raise SceneError(
            f"{path} mixes pixel types ({', '.join(dataset.dtypes)}). "
            "Convert its bands to one type (`gdal_translate -ot ...`)."
        )
    nodata = dataset.nodata
    fill = 0 if nodata is None else nodata
    lock = threading.Lock()

    def read(window: GeoBox) -> np.ndarray:
        row, column = offset_px(window, of=grid)
        height, width = window.shape
        rows = slice(max(row, 0), min(row + height, dataset.height))
        columns = slice(max(column, 0), min(column + width, dataset.width))
        pixels = np.full((dataset.count, height, width), fill, dataset.dtypes[0])
        if rows.start < rows.stop and columns.start < columns.stop:
            inside = Window.from_slices(rows, columns)
            with lock, _scene_errors(path):
                pixels[
                    :,
                    rows.start - row : rows.stop - row,
                    columns.start - column : columns.stop - column,
                ] = dataset.read(window=inside)
        return pixels

    return Raster(
        path.stem,
        grid,
        names,
        dataset.dtypes[0],
        nodata,
        read,
        sensor=sensor,
        tags={**dataset.tags(), **dataset.tags(ns="IMAGERY")},
    )


def _place(dataset: rasterio.DatasetReader, path: Path) -> tuple[GeoBox, Sensor | None]:
    """Where a scene lies: its grid on the map, or the nearest to the model of its sensor."""
    if dataset.crs is not None and dataset.transform != Affine.identity():
        return GeoBox(dataset.shape, dataset.transform, str(dataset.crs)), None
    sensor = read_sensor(dataset, path)
    if sensor is None:
        raise SceneError(
            f"{path} has no {'CRS' if dataset.crs is None else 'geotransform'}, no RPC and no "
            "ground points: it cannot be placed on the ground. Georeference it "
            "(`gdal_edit.py -a_srs EPSG:... -a_ullr ...`), or put its RPC file beside it."
        )
    try:
        return approximate_grid(sensor, dataset.shape), sensor
    except ValueError as error:
        raise SceneError(
            f"The sensor model of {path} does not place it on the ground: {error}. Fetch the "
            "scene with its RPC or ground points again."
        ) from error


def read_overview(path: Path, *, max_px: int, window: GeoBox | None = None) -> np.ma.MaskedArray:
    """Read a raster, shrunk until its longer side is at most `max_px`.

    Args:
        path: Anything that GDAL reads.
        max_px: Longest side of the result.
        window: What to read, inside the raster and on its grid; None: all of it.

    Returns:
        `(band, height, width)` of the raster's type; pixels without data are masked.
    """
    dataset = _open(path)
    full, _ = _place(dataset, path)
    window = full if window is None else window
    row, column = offset_px(window, of=full)
    height, width = window.shape
    shrink = max(1.0, max(height, width) / max_px)
    shape = tuple(max(1, round(side / shrink)) for side in (height, width))
    with _scene_errors(path):
        return dataset.read(
            window=Window(column, row, width, height),
            out_shape=(dataset.count, *shape),
            resampling=Resampling.average,
            masked=True,
        )


def read_grid(path: Path) -> tuple[tuple[int, int], str | None, Affine]:
    """Size, CRS and geotransform of an image, georeferenced or not.

    Returns:
        `(height, width)`, the CRS or None, and the affine, the identity where there is none.

    Raises:
        SceneError: It cannot be opened.
    """
    dataset = _open(path)
    return dataset.shape, dataset.crs and str(dataset.crs), dataset.transform


def read_pixels(path: Path) -> np.ndarray:
    """Read a whole image, georeferenced or not: `(band, height, width)` of its type.

    Raises:
        SceneError: It cannot be read.
    """
    dataset = _open(path)
    with _scene_errors(path):
        return dataset.read()


def read_tags(path: Path) -> dict[str, str]:
    """Read what a raster says of itself, the metadata of its sensor first (DIMAP, IMD, ...)."""
    dataset = _open(path)
    return {**dataset.tags(), **dataset.tags(ns="IMAGERY")}


def read_score_map(path: Path) -> ScoreMap:
    """Read a whole score map, its classes from the names of its bands."""
    raster = open_raster(path)
    return ScoreMap(raster.scene_id, raster.geobox, raster.bands, raster.read(raster.geobox))


def write_cog(
    out: Path,
    *,
    geobox: GeoBox,
    bands: tuple[str, ...],
    dtype: str,
    nodata: float | None,
    blocks: Iterable[tuple[GeoBox, np.ndarray]],
    tags: Mapping[str, str] | None = None,
    sensor: Sensor | None = None,
) -> None:
    """Write a cloud-optimised GeoTIFF from blocks, whole or not at all.

    Memory holds one block, however large the scene.

    Args:
        out: File to write.
        geobox: Grid of the whole raster.
        bands: Name of each band, kept as its description.
        dtype: numpy type of the pixels.
        nodata: Value of the pixels without data, or None.
        blocks: Windows of `geobox` with their pixels `(band, height, width)`; what
            reaches over the edge is cut off. Row by row is fastest.
        tags: What the raster says of itself (`ACQUISITIONDATETIME`, say).
        sensor: Model of a raw scene, written in place of the CRS and affine of `geobox`.
    """
    height, width = geobox.shape
    on_map = {"crs": str(geobox.crs), "transform": geobox.affine}
    place = on_map if sensor is None else sensor_profile(sensor)
    with staged_file(out) as work:
        tiled = work.with_name(f"{work.stem}.tiled{work.suffix}")
        try:
            with rasterio.open(
                tiled,
                "w",
                driver="GTiff",
                height=height,
                width=width,
                count=len(bands),
                dtype=dtype,
                nodata=nodata,
                tiled=True,
                blockxsize=COG_BLOCK_PX,
                blockysize=COG_BLOCK_PX,
                bigtiff="if_safer",
                **_colours(bands),
                **place,
            ) as sink:
                sink.descriptions = bands
                sink.update_tags(**(tags or {}))
                for window, pixels in blocks:
                    row, column = offset_px(window, of=geobox)
                    inside = pixels[:, : max(height - row, 0), : max(width - column, 0)]
                    if inside.size:
                        sink.write(inside, window=Window(column, row, *inside.shape[:0:-1]))
            copy_raster(
                tiled,
                work,
                driver="COG",
                compress="deflate",
                level=1,  # a third of the time of the default, for a tenth more bytes
                num_threads="all_cpus",
                predictor="yes",
                blocksize=_block_px(height, width),
                bigtiff="if_safer",
                overview_resampling="average" if len(bands) <= 4 else "nearest",
            )
        except RasterioError as error:
            raise not_written(out, error) from error
        finally:
            tiled.unlink(missing_ok=True)


def _block_px(height: int, width: int) -> int:
    """Side of the blocks: none is as wide as an image of the file that is higher than 512.

    `rio cogeo validate` takes such an image for one that is cut in strips.
    """
    levels = [(height, width)]
    while max(levels[-1]) > min(COG_BLOCK_PX, *BLOCKS_INSTEAD):
        levels.append(((levels[-1][0] + 1) // 2, (levels[-1][1] + 1) // 2))
    taken = {w for h, w in levels if max(h, w) > 512}
    return next(side for side in (COG_BLOCK_PX, *BLOCKS_INSTEAD) if side not in taken)


class _scene_errors:  # noqa: N801 - reads as a block, like contextlib.suppress
    """Turn GDAL's errors into one that names the scene."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RasterioError):
            raise SceneError(
                f"{self.path} cannot be read: {str(error.__cause__ or error).rstrip('.')}. The "
                "file is damaged or not a raster: fetch it again, or take it out of the scenes."
            ) from error


def _open(path: Path) -> rasterio.DatasetReader:
    with _scene_errors(path), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # `open_raster` says it better
        return rasterio.open(path)


def _band_names(dataset: rasterio.DatasetReader) -> tuple[str, ...]:
    by_colour = {
        ColorInterp.red: "red",
        ColorInterp.green: "green",
        ColorInterp.blue: "blue",
        ColorInterp.alpha: "alpha",
    }
    return tuple(
        (description or by_colour.get(colour) or f"band_{number}").lower()
        for number, (description, colour) in enumerate(
            zip(dataset.descriptions, dataset.colorinterp, strict=True), start=1
        )
    )


def _colours(bands: tuple[str, ...]) -> dict[str, str]:
    """Creation options without which GDAL takes the fourth band for the alpha of a picture."""
    photometric = "rgb" if bands[:3] == ("red", "green", "blue") else "minisblack"
    return {"photometric": photometric, "alpha": "unspecified"}
