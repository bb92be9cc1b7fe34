"""Stretch pixels of any type to 8 bits, alike for all scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox
from shapely import box, contains_xy, intersects, prepare

from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.kernel.geo import Raster, offset_px, window_at

SAMPLE_PX = 64
# So much of the scenes is looked at, however many and large they are (4 million pixels).
SAMPLE_WINDOWS = 1024


@dataclass(frozen=True)
class To8Bit:
    """Map the range between two percentiles of the training ground to 1..255.

    One range a band for the whole set, so that a value means the same in every scene. What
    lies outside it is clipped; nodata and NaN become 0.

    Attributes:
        lower_percentile: What becomes 1.
        upper_percentile: What becomes 255.
        limits: Lowest and highest value of each band; null: from the percentiles.

    Raises:
        ValueError: The percentiles, or a pair of limits, do not rise.
    """

    lower_percentile: float = 1.0
    upper_percentile: float = 99.0
    limits: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.lower_percentile < self.upper_percentile <= 100:
            raise ValueError(
                "The percentiles must rise within [0, 100]. Received: "
                f"{self.lower_percentile} and {self.upper_percentile}."
            )
        if any(low >= high for low, high in self.limits or ()):
            raise ValueError(f"Each pair of `limits` must rise. Received: {self.limits}.")

    def fit(self, rasters: Mapping[str, Raster], areas: Mapping[str, gpd.GeoSeries]) -> To8Bit:
        """This part with `limits`, from pixels of training ground spread over all scenes.

        Args:
            rasters: Scenes with training ground, by id.
            areas: That ground, one (multi)polygon a scene.

        Raises:
            SceneError: Scenes differ in bands or type, or have no pixel with data there.
        """
        if self.limits is not None:
            return self
        _check_alike(list(rasters.values()))
        names = sorted(rasters)
        names = [names[i] for i in _spread(len(names), SAMPLE_WINDOWS)]
        each = max(1, SAMPLE_WINDOWS // len(names))
        sampled = [_sample(rasters[name], areas[name], windows=each) for name in names]
        pixels = np.concatenate(sampled, axis=1)
        if not np.isfinite(pixels).any(axis=1).all():
            raise SceneError(
                f"No pixel with data in the training ground of {', '.join(names[:5])}: all are NaN "
                "or nodata. Correct the nodata value of the scenes, or leave them out."
            )
        percentiles = (self.lower_percentile, self.upper_percentile)
        low, high = np.nanpercentile(pixels, percentiles, axis=1).astype(float)
        high = np.where(high > low, high, low + 1)
        return replace(self, limits=tuple(zip(low.tolist(), high.tolist(), strict=True)))

    def __call__(self, raster: Raster) -> Raster:
        """`raster` as uint8, 0 without data.

        Raises:
            ConfigError: There are no `limits` yet, or not one pair a band.
        """
        if self.limits is None or len(self.limits) != len(raster.bands):
            raise ConfigError(
                f"`process.tasks.to_8bit.limits` must hold a pair for each of the "
                f"{len(raster.bands)} bands of {raster.scene_id!r}. Received: {self.limits}. Leave "
                "it null in the configuration: the stage process fits it."
            )
        low, high = np.array(self.limits, dtype=np.float64).T[:, :, None, None]

        def read(window: GeoBox) -> np.ndarray:
            values = _values(raster, window)
            scaled = 1 + np.clip((values - low) / (high - low), 0, 1) * 254
            return np.where(np.isnan(scaled), 0, np.rint(scaled)).astype(np.uint8)

        return replace(raster, dtype="uint8", nodata=0, read=read)


def _check_alike(rasters: list[Raster]) -> None:
    first = rasters[0]
    for other in rasters:
        if (other.bands, other.dtype) != (first.bands, first.dtype):
            raise SceneError(
                f"Scenes must be alike to share one stretch. {first.scene_id!r} has "
                f"{', '.join(first.bands)} as {first.dtype}, {other.scene_id!r} has "
                f"{', '.join(other.bands)} as {other.dtype}. Put `compose_bands` before, convert "
                "the scenes to one type, or leave some out by `select.where`."
            )


def _sample(raster: Raster, area: gpd.GeoSeries, *, windows: int) -> np.ndarray:
    """Pixels `(band, pixel)` of training ground from up to `windows` windows, evenly spread."""
    grid = raster.geobox
    ground = area.to_crs(str(grid.crs)).affine_transform((~grid.affine).to_shapely()).iloc[0]
    height, width = grid.shape
    rows, columns = np.meshgrid(
        np.arange(0, height, SAMPLE_PX), np.arange(0, width, SAMPLE_PX), indexing="ij"
    )
    squares = box(columns, rows, columns + SAMPLE_PX, rows + SAMPLE_PX)
    prepare(ground)
    candidates = np.argwhere(intersects(ground, squares)) * SAMPLE_PX
    pixels = [np.empty((len(raster.bands), 0))]
    for index in _spread(len(candidates), windows):
        row, column = (int(start) for start in candidates[index])
        shape = (min(SAMPLE_PX, height - row), min(SAMPLE_PX, width - column))
        window = window_at(grid, row=row, column=column, shape=shape)
        y, x = np.mgrid[row : row + shape[0], column : column + shape[1]] + 0.5
        pixels.append(_values(raster, window)[:, contains_xy(ground, x, y)])
    return np.concatenate(pixels, axis=1).astype(np.float32)


def _spread(length: int, wanted: int) -> list[int]:
    """At most `wanted` of the first `length` numbers, evenly spread."""
    places = np.linspace(0, length - 1, min(length, wanted)).round()
    return [int(place) for place in np.unique(places)]


def _values(raster: Raster, window: GeoBox) -> np.ndarray:
    """Pixels as float64, NaN without data and outside the scene."""
    values = raster.read(window).astype(np.float64)
    row, column = offset_px(window, of=raster.geobox)
    height, width = raster.geobox.shape
    values[:, : max(-row, 0)] = values[:, max(height - row, 0) :] = np.nan
    values[:, :, : max(-column, 0)] = values[:, :, max(width - column, 0) :] = np.nan
    if raster.nodata is not None:
        values[values == raster.nodata] = np.nan
    values[~np.isfinite(values)] = np.nan
    return values
