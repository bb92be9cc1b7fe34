"""How much of a scene lies under snow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Snow:
    """Share of pixels under snow, told by blue light alone where need be.

    The usual index (NDSI) needs short-wave infrared. With visible bands only, snow is what
    is bright in blue (Thaler, Crumley and Bennett, Estimating snow cover from high-resolution
    satellite imagery by thresholding blue wavelengths, Remote Sensing of Environment 285, 2023).
    Their threshold comes from the valley of each scene's histogram, which does not exist
    in a scene without snow; here it is fixed. Bright soil and concrete are warmer than
    snow: red, and near infrared where there is one, may not stand out above blue. Cloud
    that is as white as snow counts as snow, and so does some neutral concrete in images of
    8 bits that were stretched for the eye.

    Attributes:
        min_blue: Least reflectance in blue.
        max_rise: Most by which red or near infrared may exceed blue, as a share of blue.
    """

    min_blue: float = 0.65
    max_rise: float = 0.05

    def __call__(self, image: Mapping[str, np.ndarray]) -> float:
        """Share of the pixels of `image` under snow.

        Args:
            image: `(height, width)` reflectance of each band, NaN without data.

        Returns:
            In [0, 1]; NaN without blue and red.
        """
        if not {"red", "blue"} <= image.keys():
            return float("nan")
        blue = image["blue"]
        warmest = np.maximum(image["red"], image.get("nir", image["red"]))
        snow = (blue >= self.min_blue) & (warmest <= blue * (1 + self.max_rise))
        seen = np.isfinite(blue) & np.isfinite(warmest)
        return float(snow[seen].mean()) if seen.any() else float("nan")
