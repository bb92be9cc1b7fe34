"""How far dark and bright lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.catalogue.view import View, grey


@dataclass(frozen=True)
class Contrast:
    """Contrast of the visible light, `(bright - dark) / (bright + dark)`.

    Michelson's visibility (Studies in Optics, 1927), where bright and dark are percentiles,
    so that single pixels do not decide (Peli, Contrast in complex images, JOSA A 7, 1990,
    on why the extremes mislead in images).

    Attributes:
        tail_percent: Share of the pixels that are darker than dark, and brighter than bright.
    """

    tail_percent: float = 5.0

    def __post_init__(self) -> None:
        """Refuse percentiles that leave nothing."""
        if not 0 <= self.tail_percent < 50:
            raise ValueError(
                f"`tail_percent` must lie in [0, 50). Received: {self.tail_percent}. Use 5."
            )

    def __call__(self, view: View) -> float:
        """Contrast of `view`.

        Returns:
            In [0, 1]: 0 for one even tone; NaN without data.
        """
        pixels = grey(view.image)
        pixels = np.maximum(pixels[np.isfinite(pixels)], 0)
        if not pixels.size:
            return float("nan")
        dark, bright = np.percentile(pixels, [self.tail_percent, 100 - self.tail_percent])
        return float((bright - dark) / max(bright + dark, 1e-6))
