"""How much of a scene lies under cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_opening, uniform_filter

from factory_core.catalogue.view import VISIBLE, View


@dataclass(frozen=True)
class Cloud:
    """Share of pixels under thick cloud: bright, white, wide.

    The rough mask of Li et al. (Multi-feature combined cloud and cloud shadow detection in
    GaoFen-1 wide field of view imagery, Remote Sensing of Environment 191, 2017), made for
    sensors with visible bands and near infrared: the haze optimised transform
    `blue - 0.5 red` is high, as over all that is bright and not warm (Zhang, Guindon and
    Cihlar, 2002), and the visible band ratio `min / max` is near one. Theirs leaves out small
    bright things by their shape; here everything narrower than `min_width_m` goes: roofs,
    aircraft, marks.

    Snow is as bright and as white. With short-wave infrared NDSI tells them apart (Hall,
    Riggs and Salomonson, 1995); with near infrared snow is the one that falls off there, as
    its grains are large (Wiscombe and Warren, A model for the spectral albedo of snow, Journal
    of the Atmospheric Sciences 37, 1980). With visible bands alone, snow counts as cloud.
    Thin cloud is for `haze`.

    Attributes:
        min_visible: Least reflectance in each visible band.
        min_hot: Least `blue - 0.5 red`.
        min_band_ratio: Least `min / max` of the visible bands.
        min_fall: Least ratio of near infrared to red; snow lies below.
        max_ndsi: Most NDSI, where there is short-wave infrared; snow lies above.
        min_width_m: Narrower things are no clouds.
    """

    min_visible: float = 0.35
    min_hot: float = 0.15
    min_band_ratio: float = 0.8
    min_fall: float = 0.965
    max_ndsi: float = 0.4
    min_width_m: float = 30.0

    def __call__(self, view: View) -> float:
        """Share of the pixels of `view` under cloud.

        Returns:
            In [0, 1]; NaN without blue, green and red.
        """
        image = view.image
        if not set(VISIBLE) <= image.keys():
            return float("nan")
        bands = np.stack([image[name] for name in VISIBLE])
        darkest, brightest = bands.min(axis=0), bands.max(axis=0)
        white = (darkest >= self.min_visible) & (darkest >= self.min_band_ratio * brightest)
        white &= image["blue"] - 0.5 * image["red"] >= self.min_hot
        if "swir16" in image:
            green, swir = image["green"], image["swir16"]
            white &= (green - swir) / np.maximum(green + swir, 1e-6) <= self.max_ndsi
        elif "nir" in image:
            # Over a few pixels, or the noise of the sensor would decide.
            ratio = _smooth(image["nir"], view.seen) / _smooth(image["red"], view.seen)
            white &= ratio >= self.min_fall
        return view.share(_wide(white, width_px=round(self.min_width_m / view.pixel_m)))


def _smooth(band: np.ndarray, seen: np.ndarray) -> np.ndarray:
    filled = np.where(seen, band, 0.0)
    weight = uniform_filter(seen.astype(np.float32), 5)
    return np.asarray(uniform_filter(filled, 5) / np.maximum(weight, 1e-6)) + 1e-6


def _wide(mask: np.ndarray, *, width_px: int) -> np.ndarray:
    """What of `mask` a square of `width_px` fits into; what goes on outside is as at the edge."""
    width_px = min(width_px, *mask.shape)
    if width_px < 2 or not mask.any():
        return mask
    padded = np.pad(mask, width_px, mode="edge")
    opened = binary_opening(padded, np.ones((1, width_px), bool))
    opened = binary_opening(opened, np.ones((width_px, 1), bool))
    inner = slice(width_px, -width_px)
    return np.asarray(opened[inner, inner])
