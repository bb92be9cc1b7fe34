"""How much of a scene lies under snow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.catalogue.view import View

MIN_NIR = 0.11


@dataclass(frozen=True)
class Snow:
    """Share of pixels under snow.

    With short-wave infrared by NDSI, `(green - swir16) / (green + swir16)`, and near infrared
    above 0.11, which water is not (Hall, Riggs and Salomonson, Development of methods for
    mapping global snow cover using MODIS data, Remote Sensing of Environment 54, 1995).

    Without, snow is what is bright in blue (Thaler, Crumley and Bennett, Estimating snow
    cover from high-resolution satellite imagery by thresholding blue wavelengths, Remote
    Sensing of Environment 285, 2023). Their threshold comes from the valley of each
    scene's histogram, which does not exist in a scene without snow; here it is fixed.
    Bright soil and concrete are warmer than snow: red, and near infrared where there is one,
    may not stand out above blue. Cloud that is as white as snow then counts as snow, and so
    does some neutral concrete in images of 8 bits that were stretched for the eye.

    Attributes:
        min_blue: Least reflectance in blue.
        max_rise: Most by which red or near infrared may exceed blue, as a share of blue.
        min_ndsi: Least NDSI, where there is short-wave infrared.
    """

    min_blue: float = 0.65
    max_rise: float = 0.05
    min_ndsi: float = 0.4

    def __call__(self, view: View) -> float:
        """Share of the pixels of `view` under snow.

        Returns:
            In [0, 1]; NaN without green and swir16 or blue and red.
        """
        image = view.image
        if {"green", "swir16"} <= image.keys():
            green, swir = image["green"], image["swir16"]
            index = (green - swir) / np.maximum(green + swir, 1e-6)
            return view.share((index >= self.min_ndsi) & (image.get("nir", green) >= MIN_NIR))
        if {"red", "blue"} <= image.keys():
            blue = image["blue"]
            warmest = np.maximum(image["red"], image.get("nir", image["red"]))
            return view.share((blue >= self.min_blue) & (warmest <= blue * (1 + self.max_rise)))
        return float("nan")
