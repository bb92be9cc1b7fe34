"""How bright a scene is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

VISIBLE = ("blue", "green", "red")


@dataclass(frozen=True)
class Brightness:
    """Mean reflectance in the visible bands, or in all bands where none is visible."""

    def __call__(self, image: Mapping[str, np.ndarray]) -> float:
        """Brightness of `image`.

        Args:
            image: `(height, width)` reflectance of each band, NaN without data.

        Returns:
            In [0, 1]: 0 for black, 1 for white.
        """
        bands = [image[name] for name in VISIBLE if name in image] or list(image.values())
        return float(np.clip(np.nanmean(np.stack(bands)), 0, 1))
