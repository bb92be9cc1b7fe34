"""Many scenes of one grid -> one scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox
from shapely import box, union_all

from factory_core.kernel import geo, io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import OutputError, SceneError
from factory_core.kernel.geo import Raster, offset_px
from factory_core.process.pixels import (
    blocks,
    check_alike,
    check_on_map,
    to_dtype,
    values,
    with_nodata,
)

# Scenes may lie off the common grid by this much. Map units cut in Mercator and placed in
# degrees do, by a little more with each.
MAX_OFF_PX = 0.25
# Files that are open at once.
OPEN_FILES = 64


def mosaic(rasters: Sequence[Raster], *, scene_id: str) -> Raster:
    """Scenes that share a grid as one; where several have data, the first of them is seen.

    Args:
        rasters: Scenes on the map with the same CRS, size of pixel, bands and type.
        scene_id: Name of the whole.

    Returns:
        The scene around all of them; gaps have no data. Without gaps, pixels stay as they
        are; with gaps, whole numbers without a nodata value get 0 as one and are at least 1.

    Raises:
        SceneError: There is none, or two differ; names them and how.
    """
    if not rasters:
        raise SceneError("A mosaic needs at least one scene. Received none.")
    first = rasters[0]
    for raster in rasters:
        check_on_map(raster, part="mosaic")
        _check_grid(first, raster)
    check_alike(rasters, purpose="be alike to make one", advice="Mosaic those that are alike.")
    places = np.array([_place(first, raster) for raster in rasters])
    shapes = np.array([tuple(raster.geobox.shape) for raster in rasters])
    top, left = places.min(axis=0)
    height, width = (places + shapes).max(axis=0) - (top, left)
    grid = geo.window_at(first.geobox, row=int(top), column=int(left), shape=(height, width))
    starts = places - (top, left)
    ends = starts + shapes
    covered = union_all([box(*a[::-1], *b[::-1]) for a, b in zip(starts, ends, strict=True)])
    has_gaps = covered.area < height * width or first.nodata is not None
    nodata, lowest = with_nodata(first)

    def read(window: GeoBox) -> np.ndarray:
        row, column = offset_px(window, of=grid)
        begin, end = np.array([row, column]), np.array([row, column]) + window.shape
        fill = nodata if has_gaps else 0
        result = np.full((len(first.bands), *window.shape), fill, first.dtype)
        inside = np.all((starts < end) & (ends > begin), axis=1)
        # From the last to the first, which so ends on top.
        for index in np.flatnonzero(inside)[::-1]:
            raster = rasters[index]
            from_ = np.maximum(starts[index], begin)
            shape = np.minimum(ends[index], end) - from_
            there = from_ - starts[index]
            part = geo.window_at(raster.geobox, row=there[0], column=there[1], shape=tuple(shape))
            here = tuple(slice(a, a + n) for a, n in zip(from_ - begin, shape, strict=True))
            target = result[:, *here]
            if has_gaps:
                seen = values(raster, part)
                pixels = to_dtype(seen, first, nodata=nodata, lowest=lowest)
                target[:] = np.where(np.isnan(seen), target, pixels)
            else:
                target[:] = raster.read(part)
        return result

    return replace(
        first,
        scene_id=scene_id,
        geobox=grid,
        nodata=nodata if has_gaps else None,
        read=read,
        companions={},
    )


def _check_grid(first: Raster, other: Raster) -> None:
    """Refuse a scene whose corners do not fall on those of the pixels of the first."""
    one, two = first.geobox, other.geobox
    if str(one.crs) != str(two.crs):
        problem = f"is in {two.crs}, and {first.scene_id!r} in {one.crs}"
    else:
        height, width = two.shape
        corners = np.array([[0, 0], [width, 0], [0, height]])
        there = np.array([~one.affine @ (two.affine @ tuple(corner)) for corner in corners])
        off = float(np.abs(there - there[0].round() - corners).max())
        if off <= MAX_OFF_PX:
            return
        problem = (
            f"has pixels of {geo.resolution_m(two):.4g} m and lies off the grid of "
            f"{first.scene_id!r}, with pixels of {geo.resolution_m(one):.4g} m, by up to "
            f"{off:.2f} pixels"
        )
    raise SceneError(
        f"The scene {other.scene_id!r} {problem}. A mosaic moves no pixel: bring the scenes to "
        "one grid first (`gdalwarp -t_srs ... -tr ... -tap`)."
    )


def _place(first: Raster, other: Raster) -> tuple[int, int]:
    return offset_px(other.geobox, of=first.geobox)


def write_mosaic(scenes: Sequence[Path], *, out: Path) -> None:
    """Write the mosaic of `scenes`, the first on top, as one cloud-optimised GeoTIFF.

    Memory holds one block and some open files, however many scenes there are.

    Raises:
        SceneError: A scene cannot be read, or they do not share a grid.
        OutputError: `out` is there already.
    """
    if out.exists():
        raise OutputError(f"{out} is there already. Choose another name, or delete it first.")
    opened = progress(scenes, label="open scenes")
    whole = mosaic([_open_lazily(path) for path in opened], scene_id=out.stem)
    height, width = whole.geobox.shape
    pixels = progress(list(blocks(whole.geobox)), label=f"mosaic of {width} x {height} pixels")
    io.write_cog(
        out,
        geobox=whole.geobox,
        bands=whole.bands,
        dtype=whole.dtype,
        nodata=whole.nodata,
        blocks=((window, whole.read(window)) for window in pixels),
        tags={n: v for n, v in whole.tags.items() if n == "ACQUISITIONDATETIME"},
    )


def _open_lazily(path: Path) -> Raster:
    """A scene whose file is open only while it is among the last that were read."""

    def read(window: GeoBox) -> np.ndarray:
        return _open(path).read(window)

    return replace(io.open_raster(path), read=read)


@lru_cache(OPEN_FILES)
def _open(path: Path) -> Raster:
    return io.open_raster(path)
