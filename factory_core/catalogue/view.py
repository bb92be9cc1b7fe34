"""What a context is called with: a cell of a scene, and what is known of the scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.catalogue.acquisition import Acquisition

VISIBLE = ("blue", "green", "red")


@dataclass(frozen=True, eq=False)
class Overview:
    """A whole scene, shrunk; hashable, so that what it tells is found once for all its cells."""

    image: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class View:
    """A square of ground as one scene shows it.

    Bands have their common names (`blue`, `green`, `red`, `nir`, `swir16`, ...). Images are
    `(height, width)` float32 reflectance by band, NaN without data.

    Attributes:
        image: The square, shrunk where it has many pixels.
        detail: Its middle, with the pixels of the file as they are.
        scene: The whole scene: for what has no meaning in a small square.
        geobox: Grid of `image`.
        pixel_m: Side of a pixel of `image` on the ground.
        gsd_m: Side of a pixel of the file on the ground.
        acquired: When and from where the scene was taken, as far as that is known.
    """

    image: Mapping[str, np.ndarray]
    detail: Mapping[str, np.ndarray]
    scene: Overview
    geobox: GeoBox
    pixel_m: float
    gsd_m: float
    acquired: Acquisition

    @cached_property
    def seen(self) -> np.ndarray:
        """`(height, width)` bool: the pixels of `image` with data in every band."""
        return np.asarray(np.isfinite(np.stack(list(self.image.values()))).all(axis=0))

    def share(self, mask: np.ndarray) -> float:
        """Share of the pixels with data where `mask` holds; NaN without any data."""
        return float(mask[self.seen].mean()) if self.seen.any() else float("nan")


class Context(Protocol):
    """A measured property of a scene.

    A share, an index or another number in [0, 1], unless its name ends in its unit
    (`relief_m`, `off_nadir_deg`). The value of a scene is the mean of its cells.
    """

    def __call__(self, view: View) -> float:
        """The property in one view; NaN where it cannot be told."""


def visible(image: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The visible bands of `image`, or all where none is visible (`pan`, say)."""
    return [image[name] for name in VISIBLE if name in image] or list(image.values())


def grey(image: Mapping[str, np.ndarray]) -> np.ndarray:
    """Mean of the visible bands, `(height, width)`."""
    return np.asarray(np.mean(visible(image), axis=0))
