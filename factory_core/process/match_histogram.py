"""Give every scene the distribution of values of a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.kernel.geo import Raster
from factory_core.process.pixels import (
    check_alike,
    sample_pixels,
    spread,
    to_dtype,
    values,
    with_nodata,
)

SAMPLE_WINDOWS = 1024
# Of equal share between; values between two of them are mapped along a line.
STEPS = 256


@dataclass(frozen=True)
class MatchHistogram:
    """Map the values of each band so that they are spread as in a reference.

    What is brighter than a share of its scene becomes what is brighter than that share of
    the reference. It evens out light, season and sensor, and forgets what is bright and dark
    altogether; a scene of mere water will look like the land of the reference.

    Source: Gonzalez and Woods, Digital Image Processing, histogram specification.

    Attributes:
        reference: A raster with bands of the same names and the unit of the scenes; null:
            the training ground of all scenes together.
        bands: Those of the quantiles.
        quantiles: Of each band of the reference, evenly spaced; null: measured by the stage.

    Raises:
        ValueError: Quantiles that fall, or not one row a band.
    """

    reference: Path | None = None
    bands: tuple[str, ...] | None = None
    quantiles: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        rows = self.quantiles or ()
        if len(rows) != len(self.bands or ()):
            raise ValueError("`quantiles` need a row for each of `bands`. Leave both null.")
        if any(len(row) < 2 or np.any(np.diff(row) < 0) for row in rows):
            raise ValueError("Each row of `quantiles` must hold two or more and not fall.")

    def fit(
        self, rasters: Mapping[str, Raster], areas: Mapping[str, gpd.GeoSeries]
    ) -> MatchHistogram:
        """This part with the quantiles of the reference.

        Args:
            rasters: Scenes with training ground, by id.
            areas: That ground, one (multi)polygon a scene.

        Raises:
            SceneError: The scenes differ, or the reference lacks a band of theirs or has no
                pixel with data.
        """
        if self.quantiles is not None:
            return self
        check_alike(
            rasters.values(),
            purpose="be alike to share one reference",
            advice="Put `compose_bands` before, or leave some out by `select.where`.",
        )
        bands = next(iter(rasters.values())).bands
        if self.reference is not None:
            pixels, where = self._of_reference(self.reference, bands), str(self.reference)
        else:
            names = sorted(rasters)
            names = [names[i] for i in spread(len(names), SAMPLE_WINDOWS)]
            each = max(1, SAMPLE_WINDOWS // len(names))
            pixels = np.concatenate(
                [sample_pixels(rasters[n], windows=each, area=areas[n]) for n in names], axis=1
            )
            where = "the training ground"
        if not np.isfinite(pixels).any(axis=1).all():
            raise SceneError(f"The reference of `match_histogram`, {where}, has no data in a band.")
        found = _quantiles(pixels)
        return replace(self, bands=bands, quantiles=tuple(tuple(row) for row in found.tolist()))

    def _of_reference(self, reference: Path, bands: tuple[str, ...]) -> np.ndarray:
        raster = io.open_raster(reference)
        missing = [band for band in bands if band not in raster.bands]
        if missing:
            raise SceneError(
                f"The reference {reference} has no band {', '.join(map(repr, missing))}. It has: "
                f"{', '.join(raster.bands)}. Take one with all of {', '.join(bands)}, or put "
                "`compose_bands` before `match_histogram`."
            )
        positions = [raster.bands.index(band) for band in bands]
        return sample_pixels(raster, windows=SAMPLE_WINDOWS)[positions]

    def __call__(self, raster: Raster) -> Raster:
        """`raster` with the values of the reference.

        Raises:
            ConfigError: There are no quantiles yet.
            SceneError: It has other bands than the reference.
        """
        if self.quantiles is None:
            raise ConfigError(
                "`process.tasks.match_histogram.quantiles` is null: the stage process measures "
                "the reference. Run it, and leave the field null in the configuration."
            )
        if raster.bands != self.bands:
            raise SceneError(
                f"The scene {raster.scene_id!r} has the bands {', '.join(raster.bands)}, and the "
                f"reference of `match_histogram` {', '.join(self.bands or ())}. Put "
                "`compose_bands` before it."
            )
        wanted = np.array(self.quantiles)
        nodata, lowest = with_nodata(raster)
        shares = np.linspace(0, 1, wanted.shape[1])

        @cache
        def own() -> np.ndarray:
            return _quantiles(sample_pixels(raster, windows=SAMPLE_WINDOWS))

        def read(window: GeoBox) -> np.ndarray:
            pixels = values(raster, window)
            for band, mine, theirs in zip(pixels, own(), wanted, strict=True):
                # A value that many pixels have takes the middle of their shares.
                known, first, times = np.unique(mine, return_index=True, return_counts=True)
                share = np.interp(band, known, (first + (times - 1) / 2) / STEPS)
                band[:] = np.where(np.isnan(band), np.nan, np.interp(share, shares, theirs))
            return to_dtype(pixels, raster, nodata=nodata, lowest=lowest)

        return replace(raster, nodata=nodata, read=read)


def _quantiles(pixels: np.ndarray) -> np.ndarray:
    """`(band, STEPS + 1)` quantiles of the values with data; 0 and 1 where there are none."""
    found = []
    for band in pixels:
        seen = band[np.isfinite(band)]
        found.append(np.quantile(seen if seen.size else [0.0, 1.0], np.linspace(0, 1, STEPS + 1)))
    return np.array(found, np.float64)
