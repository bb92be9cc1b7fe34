"""How much of a scene is green."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.catalogue.view import VISIBLE, View


@dataclass(frozen=True)
class Vegetation:
    """Share of pixels under living plants.

    By NDVI, `(nir - red) / (nir + red)` (Rouse et al., Monitoring vegetation systems in the
    Great Plains with ERTS, 1974). Without near infrared by the excess green index,
    `(2 green - red - blue) / (red + green + blue)` (Woebbecke et al., Color indices for weed
    identification, Transactions of the ASAE 38, 1995), which clear green water reaches too.

    Attributes:
        min_ndvi: Least NDVI of a pixel that counts; 0.3 leaves out sparse and dry plants.
        min_excess_green: Least excess green of a pixel that counts, without near infrared.
    """

    min_ndvi: float = 0.3
    min_excess_green: float = 0.08

    def __call__(self, view: View) -> float:
        """Share of the pixels of `view` under plants.

        Returns:
            In [0, 1]; NaN where the bands cannot tell.
        """
        image = view.image
        if {"red", "nir"} <= image.keys():
            red, nir = image["red"], image["nir"]
            return view.share((nir - red) / np.maximum(nir + red, 1e-6) >= self.min_ndvi)
        if set(VISIBLE) <= image.keys():
            red, green, blue = image["red"], image["green"], image["blue"]
            total = np.maximum(red + green + blue, 1e-6)
            return view.share((2 * green - red - blue) / total >= self.min_excess_green)
        return float("nan")
