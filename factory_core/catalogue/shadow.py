"""How much of a scene lies in shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from factory_core.catalogue.view import VISIBLE, Overview, View, grey


@dataclass(frozen=True)
class Shadow:
    """Share of pixels in the shadow of something.

    Shadow is much darker than the ground of the scene, in near infrared too, where plants are
    bright: the weighted intensity `(2 red + green + blue + 2 nir) / 6` of Nagao, Matsuyama and
    Ikeda (Region extraction and shape analysis in aerial photographs, Computer Graphics and
    Image Processing 10, 1979) lies below `max_intensity` of its median over the scene. And it
    is lit by the sky alone, so it is bluer than the ground: its ratio of blue to red exceeds
    the median of the scene (Sarabandi et al., Shadow detection and radiometric restoration in
    satellite high resolution images, IGARSS 2004, on such ratios). Deep water and
    fresh asphalt may be taken for shadow, and a scene that lies in shadow has none.

    Attributes:
        max_intensity: Most intensity of shadow, as a share of the median of the scene.
        min_blueness: Least ratio of blue to red, as a share of the median of the scene.
    """

    max_intensity: float = 0.5
    min_blueness: float = 1.0

    def __call__(self, view: View) -> float:
        """Share of the pixels of `view` in shadow.

        Returns:
            In [0, 1]; NaN without blue and red.
        """
        if not {"blue", "red"} <= view.image.keys():
            return float("nan")
        intensity, blueness = _usual(view.scene)
        dark = _intensity(view.image) <= self.max_intensity * intensity
        return view.share(dark & (_blueness(view.image) >= self.min_blueness * blueness))


@lru_cache(maxsize=1)
def _usual(scene: Overview) -> tuple[float, float]:
    """Medians of intensity and blueness over a scene."""
    medians = [np.nanmedian(of(scene.image)) for of in (_intensity, _blueness)]
    return float(medians[0]), float(medians[1])


def _intensity(image: Mapping[str, np.ndarray]) -> np.ndarray:
    if {*VISIBLE, "nir"} <= image.keys():
        visible = 2 * image["red"] + image["green"] + image["blue"]
        return np.asarray((visible + 2 * image["nir"]) / 6)
    return grey(image)


def _blueness(image: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(image["blue"] / np.maximum(image["red"], 1e-3))
