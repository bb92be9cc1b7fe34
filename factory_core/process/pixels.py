"""What the parts share: pixels as numbers, samples of a scene, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox
from shapely import box, contains_xy, intersects, prepare

from factory_core.kernel import geo
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster, offset_px, window_at

SAMPLE_PX = 64
BLOCK_PX = 512


def check_on_map(raster: Raster, *, part: str) -> None:
    """Refuse a scene in its own viewing geometry.

    Raises:
        SceneError: Names the scene and what to put before `part`.
    """
    if raster.sensor is not None:
        kind = type(raster.sensor).__name__
        before = "orthorectify" if kind == "Rpc" else "rectify_by_points"
        raise SceneError(
            f"The scene {raster.scene_id!r} is in its own viewing geometry, and `{part}` needs "
            f"one on the map. Put `{before}` first in the chain of `process`."
        )


def check_kept(raster: Raster, *, part: str, keep_mapped: bool) -> None:
    """Refuse a scene that is on the map already, unless such are to be kept.

    Raises:
        SceneError: Names the scene and what to do.
    """
    if not keep_mapped:
        raise SceneError(
            f"The scene {raster.scene_id!r} has no RPC and no ground points, or is on the map "
            f"already, so `{part}` has nothing to go by. Put its RPC file beside it, take the map "
            "projection off it (`gdal_edit.py -a_srs '' -unsetgt`), or let such scenes through "
            f"with `process.tasks.{part}.keep_mapped=true`."
        )


def check_alike(rasters: Iterable[Raster], *, purpose: str, advice: str) -> None:
    """Refuse scenes that differ in bands or type.

    Args:
        rasters: Scenes; the first is what the others are held against.
        purpose: What they must be alike for, to begin the message with.
        advice: What to do, to end it with.

    Raises:
        SceneError: Names two scenes and how they differ.
    """
    first, *others = rasters
    for other in others:
        if (other.bands, other.dtype) != (first.bands, first.dtype):
            raise SceneError(
                f"Scenes must {purpose}. {first.scene_id!r} has {', '.join(first.bands)} as "
                f"{first.dtype}, {other.scene_id!r} has {', '.join(other.bands)} as "
                f"{other.dtype}. {advice}"
            )


def values(raster: Raster, window: GeoBox) -> np.ndarray:
    """Pixels `(band, height, width)` as float64, NaN without data and outside the scene."""
    found = raster.read(window).astype(np.float64)
    row, column = offset_px(window, of=raster.geobox)
    height, width = raster.geobox.shape
    found[:, : max(-row, 0)] = found[:, max(height - row, 0) :] = np.nan
    found[:, :, : max(-column, 0)] = found[:, :, max(width - column, 0) :] = np.nan
    if raster.nodata is not None:
        found[found == raster.nodata] = np.nan
    found[~np.isfinite(found)] = np.nan
    return found


def grown(window: GeoBox, margin_px: int) -> GeoBox:
    """`window` with `margin_px` more on each side."""
    height, width = window.shape
    shape = (height + 2 * margin_px, width + 2 * margin_px)
    return window_at(window, row=-margin_px, column=-margin_px, shape=shape)


def with_nodata(raster: Raster) -> tuple[float, float]:
    """The nodata value of a scene or one for it, and the lowest value that its pixels then have.

    A scene of whole numbers without one gets 0, and its pixels are at least 1; one of
    floats gets NaN.
    """
    kind = np.dtype(raster.dtype)
    if kind.kind not in "iu":
        return (float("nan") if raster.nodata is None else raster.nodata), -np.inf
    if raster.nodata is None:
        return 0.0, 1.0
    return raster.nodata, float(np.iinfo(kind).min)


def to_dtype(found: np.ndarray, raster: Raster, *, nodata: float, lowest: float) -> np.ndarray:
    """Floats as pixels of the type of `raster`, `nodata` where they are NaN."""
    kind = np.dtype(raster.dtype)
    empty = np.isnan(found)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        found = np.clip(np.rint(np.where(empty, 0, found)), lowest, limits.max)
        # What has data is never taken for what has none.
        found[found == nodata] += 1 if nodata < limits.max else -1
    return np.where(empty, nodata, found).astype(kind)


def as_floats(raster: Raster) -> Raster:
    """`raster` as float32 with NaN for what has no data."""

    def read(window: GeoBox) -> np.ndarray:
        return values(raster, window).astype(np.float32)

    return replace(raster, dtype="float32", nodata=float("nan"), read=read)


def white_of(raster: Raster, white: float | None) -> float:
    """Value of a white surface: as stated, or by the type of the pixels."""
    if white is not None:
        return white
    kind = np.dtype(raster.dtype)
    return 1.0 if kind.kind == "f" else 255.0 if kind.itemsize == 1 else 10_000.0


def companion(raster: Raster, name: str, *, part: str) -> Raster:
    """The companion `name` of a scene.

    Raises:
        SceneError: It has none of this name; says where to state it.
    """
    if name not in raster.companions:
        raise SceneError(
            f"The scene {raster.scene_id!r} has no companion {name!r}, which `{part}` needs. It "
            f"has: {', '.join(raster.companions) or 'none'}. State the pattern of its file in "
            f"`catalogue.companions.{name}`; a bundle looks for it beside the scene."
        )
    return raster.companions[name]


def sample_windows(
    raster: Raster, *, windows: int, area: gpd.GeoSeries | None = None
) -> list[tuple[GeoBox, np.ndarray | None]]:
    """Up to `windows` small windows, evenly spread over a scene or over `area` in it.

    Returns:
        Each with the mask of its pixels in `area`, or None where all of it counts.
    """
    grid = raster.geobox
    height, width = grid.shape
    rows, columns = np.meshgrid(
        np.arange(0, height, SAMPLE_PX), np.arange(0, width, SAMPLE_PX), indexing="ij"
    )
    ground = None
    if area is None:
        candidates = np.stack([rows.ravel(), columns.ravel()], axis=1)
    else:
        there = area.to_crs(str(grid.crs)).affine_transform((~grid.affine).to_shapely())
        ground = there.iloc[0]
        prepare(ground)
        squares = box(columns, rows, columns + SAMPLE_PX, rows + SAMPLE_PX)
        candidates = np.argwhere(intersects(ground, squares)) * SAMPLE_PX
    found = []
    for index in spread(len(candidates), windows):
        row, column = (int(start) for start in candidates[index])
        shape = (min(SAMPLE_PX, height - row), min(SAMPLE_PX, width - column))
        window = window_at(grid, row=row, column=column, shape=shape)
        mask = None
        if ground is not None:
            y, x = np.mgrid[row : row + shape[0], column : column + shape[1]] + 0.5
            mask = contains_xy(ground, x, y)
        found.append((window, mask))
    return found


def sample_pixels(raster: Raster, *, windows: int, area: gpd.GeoSeries | None = None) -> np.ndarray:
    """Pixels `(band, pixel)` as float32 from `sample_windows`, NaN without data."""
    pixels = [np.empty((len(raster.bands), 0))]
    for window, mask in sample_windows(raster, windows=windows, area=area):
        seen = values(raster, window)
        pixels.append(seen.reshape(len(seen), -1) if mask is None else seen[:, mask])
    return np.concatenate(pixels, axis=1).astype(np.float32)


def spread(length: int, wanted: int) -> list[int]:
    """At most `wanted` of the first `length` numbers, evenly spread."""
    places = np.linspace(0, length - 1, min(length, wanted)).round()
    return [int(place) for place in np.unique(places)]


def resolution_ratio(finer: Raster, coarser: Raster) -> float:
    """How many pixels of the one go along the side of a pixel of the other."""
    return geo.resolution_m(coarser.geobox) / geo.resolution_m(finer.geobox)


def blocks(grid: GeoBox) -> Iterator[GeoBox]:
    """Windows that cover a grid without overlap, row by row."""
    height, width = grid.shape
    for row in range(0, height, BLOCK_PX):
        for column in range(0, width, BLOCK_PX):
            shape = (min(BLOCK_PX, height - row), min(BLOCK_PX, width - column))
            yield window_at(grid, row=row, column=column, shape=shape)
