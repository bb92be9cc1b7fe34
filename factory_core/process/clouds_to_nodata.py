"""Take clouds out of a scene: what they cover has no data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from odc.geo.geobox import GeoBox
from scipy.ndimage import maximum_filter, minimum_filter

from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster
from factory_core.kernel.limits import check_at_least
from factory_core.process.pixels import (
    as_floats,
    check_on_map,
    companion,
    grown,
    to_dtype,
    values,
    white_of,
    with_nodata,
)
from factory_core.process.reproject import on_grid

VISIBLE = ("blue", "green", "red")
# From a window to the mask of what is cloudy in it.
Clouds = Callable[[GeoBox], np.ndarray]


@dataclass(frozen=True)
class CloudsToNodata:
    """Turn cloudy pixels, and a rim around them, into nodata in every band.

    Which are cloudy comes from a mask that goes with the scene, or from its colours. By
    colour, a pixel is cloudy where it is bright, as bright in blue, green and red, and bluer
    than the ground is (the tests of whiteness and haze of Fmask), and not green of plants;
    places narrower than `min_width_px` are roofs and cars and stay. Snow, white roofs
    and white sand wider than that pass for clouds: where there are such, bring a mask.

    Source: Zhu and Woodcock 2012, Object-based cloud and cloud shadow detection in Landsat
    imagery (Fmask), equations 2 and 3, without the thermal band.

    Attributes:
        mask: Name of the companion that says where clouds are; null: by colour.
        cloudy: Values of the mask that mean cloud.
        min_reflectance: Of the visible bands in the mean, by colour.
        white: Value of a white surface, by colour; null: 255 for 8-bit scenes, 10,000 for
            other integers, 1 for floats.
        min_width_px: Narrower places stay, by colour.
        rim_px: Width of what goes with a cloud, for its thin edge.

    Raises:
        ValueError: An even or negative width, or a negative rim.
    """

    mask: str | None = None
    cloudy: tuple[int, ...] = (1,)
    min_reflectance: float = 0.3
    white: float | None = None
    min_width_px: int = 31
    rim_px: int = 10

    def __post_init__(self) -> None:
        check_at_least(1, min_width_px=self.min_width_px)
        if self.min_width_px % 2 == 0:
            raise ValueError(
                f"`min_width_px` must be odd. Received: min_width_px={self.min_width_px}."
            )
        check_at_least(0, rim_px=self.rim_px)

    def __call__(self, raster: Raster) -> Raster:
        """`raster` without its clouds.

        Raises:
            SceneError: It has no such mask, or one in another CRS; or lacks a visible band.
        """
        clouds = self._by_colour(raster) if self.mask is None else self._by_mask(raster, self.mask)
        nodata, lowest = with_nodata(raster)

        def read(window: GeoBox) -> np.ndarray:
            pixels = values(raster, window)
            wide = clouds(grown(window, self.rim_px))
            rim = maximum_filter(wide, size=2 * self.rim_px + 1, mode="constant", cval=False)
            inside = slice(self.rim_px, rim.shape[0] - self.rim_px)
            across = slice(self.rim_px, rim.shape[1] - self.rim_px)
            pixels[:, rim[inside, across]] = np.nan
            return to_dtype(pixels, raster, nodata=nodata, lowest=lowest)

        return replace(raster, nodata=nodata, read=read)

    def _by_mask(self, raster: Raster, name: str) -> Clouds:
        mask = companion(raster, name, part="clouds_to_nodata")
        check_on_map(raster, part="clouds_to_nodata")
        check_on_map(mask, part="clouds_to_nodata")
        if len(mask.bands) != 1:
            raise SceneError(
                f"The mask {name!r} of the scene {raster.scene_id!r} has {len(mask.bands)} bands "
                "where one is expected. Give it a mask of one band (`catalogue.companions`)."
            )
        there = on_grid(as_floats(mask), grid=raster.geobox, resampling="nearest")
        return lambda window: np.isin(there.read(window)[0], self.cloudy)

    def _by_colour(self, raster: Raster) -> Clouds:
        missing = [band for band in VISIBLE if band not in raster.bands]
        if missing:
            raise SceneError(
                f"The scene {raster.scene_id!r} has no band {', '.join(map(repr, missing))}, by "
                f"which clouds are told. It has: {', '.join(raster.bands)}. Bring a mask "
                "(`process.tasks.clouds_to_nodata.mask`), or put `compose_bands` after it."
            )
        margin = self.min_width_px - 1

        def clouds(window: GeoBox) -> np.ndarray:
            wide = self._colour(raster, grown(window, margin))
            core = minimum_filter(wide, size=self.min_width_px, mode="constant", cval=False)
            back = maximum_filter(core, size=self.min_width_px, mode="constant", cval=False)
            rows, columns = (slice(margin, side - margin) for side in wide.shape)
            return np.asarray(back[rows, columns])

        return clouds

    def _colour(self, raster: Raster, window: GeoBox) -> np.ndarray:
        seen = values(raster, window) / white_of(raster, self.white)
        bands = dict(zip(raster.bands, seen, strict=True))
        blue, green, red = (bands[name] for name in VISIBLE)
        mean = (blue + green + red) / 3
        with np.errstate(divide="ignore", invalid="ignore"):
            uneven = (abs(blue - mean) + abs(green - mean) + abs(red - mean)) / mean
            found = (mean >= self.min_reflectance) & (uneven < 0.7) & (blue - red / 2 > 0.08)
            if "nir" in bands:
                found &= (bands["nir"] - red) / (bands["nir"] + red) < 0.8
        return np.asarray(found)
