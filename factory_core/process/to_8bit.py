"""Stretch pixels of any type to 8 bits, alike for all scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.kernel.geo import Raster
from factory_core.kernel.limits import check_above
from factory_core.process.pixels import check_alike, sample_pixels, spread, values

# So much of the scenes is looked at, however many and large they are (4 million pixels).
SAMPLE_WINDOWS = 1024


@dataclass(frozen=True)
class To8Bit:
    """Map the range between two percentiles to 1..255.

    By set, there is one range a band from the training ground of all scenes, so that a value
    means the same in every scene. By scene, each has its own, which evens out haze and season
    and forgets what is bright and dark. What lies outside the range is clipped; nodata and
    NaN become 0.

    Attributes:
        lower_percentile: What becomes 1.
        upper_percentile: What becomes 255.
        by: `set` or `scene`.
        gamma: Exponent of the values between, from 0 to 1: below 1 brightens what is dark.
        limits: Lowest and highest value of each band; null: from the percentiles.

    Raises:
        ValueError: The percentiles or a pair of limits do not rise, the gamma is not
            positive, or there are limits by scene.
    """

    lower_percentile: float = 1.0
    upper_percentile: float = 99.0
    by: Literal["set", "scene"] = "set"
    gamma: float = 1.0
    limits: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.lower_percentile < self.upper_percentile <= 100:
            raise ValueError(
                "The percentiles must rise within [0, 100]. Received: "
                f"{self.lower_percentile} and {self.upper_percentile}."
            )
        if any(low >= high for low, high in self.limits or ()):
            raise ValueError(f"Each pair of `limits` must rise. Received: {self.limits}.")
        if self.limits is not None and self.by == "scene":
            raise ValueError("`limits` are one range for all: they need `by: set`.")
        check_above(0, gamma=self.gamma)

    def fit(self, rasters: Mapping[str, Raster], areas: Mapping[str, gpd.GeoSeries]) -> To8Bit:
        """This part with `limits`, from pixels of training ground spread over all scenes.

        Args:
            rasters: Scenes with training ground, by id.
            areas: That ground, one (multi)polygon a scene.

        Raises:
            SceneError: Scenes differ in bands or type, or have no pixel with data there.
        """
        if self.limits is not None or self.by == "scene":
            return self
        check_alike(
            rasters.values(),
            purpose="be alike to share one stretch",
            advice="Put `compose_bands` before, convert the scenes to one type, or leave some out "
            "by `select.where`.",
        )
        names = sorted(rasters)
        names = [names[i] for i in spread(len(names), SAMPLE_WINDOWS)]
        each = max(1, SAMPLE_WINDOWS // len(names))
        sampled = [sample_pixels(rasters[n], windows=each, area=areas[n]) for n in names]
        pixels = np.concatenate(sampled, axis=1)
        if not np.isfinite(pixels).any(axis=1).all():
            raise SceneError(
                f"No pixel with data in the training ground of {', '.join(names[:5])}: all are NaN "
                "or nodata. Correct the nodata value of the scenes, or leave them out."
            )
        return replace(self, limits=self._limits(pixels))

    def _limits(self, pixels: np.ndarray) -> tuple[tuple[float, float], ...]:
        percentiles = (self.lower_percentile, self.upper_percentile)
        low, high = np.nanpercentile(pixels, percentiles, axis=1).astype(float)
        high = np.where(high > low, high, low + 1)
        return tuple(zip(low.tolist(), high.tolist(), strict=True))

    def __call__(self, raster: Raster) -> Raster:
        """`raster` as uint8, 0 without data.

        Raises:
            ConfigError: There are no `limits` yet, or not one pair a band.
        """
        if self.by == "set" and (self.limits is None or len(self.limits) != len(raster.bands)):
            raise ConfigError(
                f"`process.tasks.to_8bit.limits` must hold a pair for each of the "
                f"{len(raster.bands)} bands of {raster.scene_id!r}. Received: {self.limits}. Leave "
                "it null in the configuration: the stage process fits it."
            )

        @cache
        def limits() -> np.ndarray:
            found = self.limits or self._limits_of(raster)
            return np.array(found, dtype=np.float64).T[:, :, None, None]

        def read(window: GeoBox) -> np.ndarray:
            low, high = limits()
            share = np.clip((values(raster, window) - low) / (high - low), 0, 1)
            if self.gamma != 1:
                share = share**self.gamma
            return np.where(np.isnan(share), 0, np.rint(1 + share * 254)).astype(np.uint8)

        return replace(raster, dtype="uint8", nodata=0, read=read)

    def _limits_of(self, raster: Raster) -> tuple[tuple[float, float], ...]:
        """The range of each band of one scene; any where it has no data."""
        pixels = sample_pixels(raster, windows=SAMPLE_WINDOWS)
        empty = ~np.isfinite(pixels).any(axis=1)
        pixels = np.where(empty[:, None], np.zeros((1, max(pixels.shape[1], 1))), pixels)
        return self._limits(pixels)
