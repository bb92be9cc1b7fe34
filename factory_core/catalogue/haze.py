"""How much haze, fog or thin cloud veils a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import minimum_filter

from factory_core.catalogue.view import VISIBLE, Overview, View


@dataclass(frozen=True)
class Haze:
    """Share of the light that comes from the air and not from the ground.

    By the dark channel prior (He, Sun and Tang, Single image haze removal using dark channel
    prior, IEEE TPAMI 33, 2011): near every clear point something is dark in one visible band, a
    shadow or a leaf; what brightness is left there is haze. It is divided by the light
    of the air, the colour of the pixels with the brightest dark channel in the whole scene,
    or `min_airlight` in a scene without haze, where that is the ground. Large evenly bright
    ground (sand or snow without a shadow) is taken for haze.

    Attributes:
        window_px: Side of the neighbourhood, in pixels of the shrunken cell.
        min_airlight: Least reflectance of full haze.
    """

    window_px: int = 121
    min_airlight: float = 0.4

    def __call__(self, view: View) -> float:
        """Mean veil over `view`, 1 minus the transmission of the source.

        Returns:
            In [0, 1]: 0 for clear air, 1 for nothing but haze; NaN where no band is visible.
        """
        pixels, seen = _visible(view.image)
        if not seen.any():
            return float("nan")
        airlight = np.maximum(_airlight(view.scene, self.window_px), self.min_airlight)
        veil = _dark_channel(pixels / airlight[:, None, None], seen, self.window_px)
        return float(np.clip(veil[seen].mean(), 0, 1))


def _visible(image: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The visible bands, `(band, height, width)`, and where all of them have data."""
    bands = [image[name] for name in VISIBLE if name in image]
    if not bands:
        return np.empty((0, 0, 0)), np.zeros((0, 0), bool)
    pixels = np.stack(bands)
    return pixels, np.isfinite(pixels).all(axis=0)


def _dark_channel(pixels: np.ndarray, seen: np.ndarray, window_px: int) -> np.ndarray:
    darkest = np.where(seen, pixels.min(axis=0, initial=np.inf, where=np.isfinite(pixels)), np.inf)
    return np.asarray(minimum_filter(darkest, size=window_px, mode="nearest"))


@lru_cache(maxsize=1)
def _airlight(scene: Overview, window_px: int) -> np.ndarray:
    """Colour of the haziest pixels of a scene, in each visible band."""
    pixels, seen = _visible(scene.image)
    dark = _dark_channel(pixels, seen, window_px)
    haziest = seen & (dark >= np.quantile(dark[seen], 0.999))
    return np.asarray(np.quantile(pixels[:, haziest], 0.95, axis=1))
