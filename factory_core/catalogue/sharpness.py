"""How sharp a scene is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.measure import blur_effect

from factory_core.catalogue.view import View, grey

MIN_PX = 16


@dataclass(frozen=True)
class Sharpness:
    """How much an image would lose by being blurred: a blurred one loses little.

    One minus the blur effect (Crete, Dolmiere, Ladret and Nicolas, The blur effect: perception
    and estimation with a new no-reference perceptual blur metric, SPIE 6492, 2007), on the
    pixels of the file as they are. Even ground (water, snow, fog) has nothing sharp in it.

    Attributes:
        blur_px: Side of the filter that the image is blurred with.
    """

    blur_px: int = 11

    def __post_init__(self) -> None:
        """Refuse a filter that does not blur."""
        if self.blur_px < 3:
            raise ValueError(f"`blur_px` must be at least 3. Received: {self.blur_px}. Use 11.")

    def __call__(self, view: View) -> float:
        """Sharpness of the middle of `view`.

        Returns:
            In [0, 1]; NaN where fewer than half of its pixels have data, or it is tiny.
        """
        pixels = grey(view.detail)
        seen = np.isfinite(pixels)
        if min(pixels.shape) < MIN_PX or seen.mean() < 0.5:
            return float("nan")
        filled = np.where(seen, pixels, pixels[seen].mean())
        if np.ptp(filled) < 1e-6:
            return 0.0
        return float(np.clip(1 - _blur(filled, self.blur_px), 0, 1))


def _blur(pixels: np.ndarray, size_px: int) -> float:
    return float(blur_effect(pixels, h_size=size_px))  # type: ignore[no-untyped-call]
