"""How bright a scene is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.catalogue.view import View, grey


@dataclass(frozen=True)
class Brightness:
    """Mean reflectance in the visible bands, or in all bands where none is visible."""

    def __call__(self, view: View) -> float:
        """Brightness of `view`.

        Returns:
            In [0, 1]: 0 for black, 1 for white; NaN without data.
        """
        pixels = grey(view.image)
        pixels = pixels[np.isfinite(pixels)]
        return float(np.clip(pixels.mean(), 0, 1)) if pixels.size else float("nan")
