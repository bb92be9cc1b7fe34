"""Score map -> score map: opening and closing, which straighten the edges of regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from skimage.morphology import closing, disk, opening

from factory_core.kernel.geo import ScoreMap, resolution_m
from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.score_maps.bands import in_strips, map_bands


@dataclass(frozen=True)
class Opening:
    """Take away what is narrower than a disk: bridges between objects, hairs, specks.

    Grey-scale opening (Serra, Image Analysis and Mathematical Morphology, 1982): scores inside
    stay about as they are. In strips that overlap by the reach of the disk.

    Attributes:
        radius_m: Radius of the disk; nothing changes below half the side of a pixel.
    """

    radius_m: float

    def __post_init__(self) -> None:
        check_at_least(0, radius_m=self.radius_m)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map in which scores only fall."""
        return _by_disk(score_map, opening, radius_m=self.radius_m)


@dataclass(frozen=True)
class Closing:
    """Fill what is narrower than a disk: gaps in a road, cracks, pinholes.

    Grey-scale closing (Serra, Image Analysis and Mathematical Morphology, 1982). In strips that
    overlap by the reach of the disk.

    Attributes:
        radius_m: Radius of the disk; nothing changes below half the side of a pixel.
    """

    radius_m: float

    def __post_init__(self) -> None:
        check_at_least(0, radius_m=self.radius_m)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map in which scores only rise."""
        return _by_disk(score_map, closing, radius_m=self.radius_m)


def _by_disk(
    score_map: ScoreMap, change: Callable[..., np.ndarray], *, radius_m: float
) -> ScoreMap:
    radius_px = round(radius_m / resolution_m(score_map.geobox))
    if radius_px == 0:
        return score_map
    around = disk(radius_px, decomposition="sequence" if radius_px > 1 else None)  # type: ignore[no-untyped-call]

    def on_strip(rows: np.ndarray) -> np.ndarray:
        return change(rows, around, mode="ignore")

    return map_bands(score_map, lambda band: in_strips(band, on_strip, reach_px=2 * radius_px + 2))
