"""How much of a scene is water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_opening

from factory_core.catalogue.view import VISIBLE, View


@dataclass(frozen=True)
class Water:
    """Share of pixels that are open water.

    With near infrared by NDWI, `(green - nir) / (green + nir)` (McFeeters, The use of the
    Normalized Difference Water Index in the delineation of open water features,
    International Journal of Remote Sensing 17, 1996), where near infrared is dark too: snow
    and white roofs reach the index, but not the darkness. With short-wave infrared by MNDWI
    (Xu, in the same journal, 27, 2006).

    With visible bands alone by NDTI, `(red - green) / (red + green)`, low over clear water
    (Lacaux et al., Classification of ponds from high-spatial resolution remote sensing, Remote
    Sensing of Environment 106, 2007), where it is dark and no plant, that is, blue is not
    below green by much. Muddy water is missed, and deep shade may be taken for water.

    Attributes:
        min_ndwi: Least NDWI or MNDWI.
        max_nir: Most reflectance in near infrared.
        max_ndti: Most NDTI, without near infrared.
        max_visible: Most reflectance in green, without near infrared.
        min_blue_share: Least ratio of blue to green, without near infrared.
        min_width_m: Narrower things are shade or wet ground.
    """

    min_ndwi: float = 0.1
    max_nir: float = 0.12
    max_ndti: float = -0.1
    max_visible: float = 0.25
    min_blue_share: float = 0.85
    min_width_m: float = 6.0

    def __call__(self, view: View) -> float:
        """Share of the pixels of `view` that are water.

        Returns:
            In [0, 1]; NaN where the bands cannot tell.
        """
        image = view.image
        if {"green", "swir16"} <= image.keys():
            dark = image.get("nir", image["swir16"]) <= self.max_nir
            wet = dark & (_index(image["green"], image["swir16"]) >= self.min_ndwi)
        elif {"green", "nir"} <= image.keys():
            dark = image["nir"] <= self.max_nir
            wet = dark & (_index(image["green"], image["nir"]) >= self.min_ndwi)
        elif set(VISIBLE) <= image.keys():
            green = image["green"]
            wet = (_index(image["red"], green) <= self.max_ndti) & (green <= self.max_visible)
            wet &= image["blue"] >= self.min_blue_share * green
        else:
            return float("nan")
        width_px = min(round(self.min_width_m / view.pixel_m), *wet.shape)
        if width_px > 1:
            wet = binary_opening(np.pad(wet, width_px, mode="edge"), np.ones((width_px,) * 2))[
                width_px:-width_px, width_px:-width_px
            ]
        return view.share(wet)


def _index(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((first - second) / np.maximum(first + second, 1e-6))
