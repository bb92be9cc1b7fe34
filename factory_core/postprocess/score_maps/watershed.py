"""Score map -> score map: touching objects are cut apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from factory_core.kernel.geo import ScoreMap, resolution_m
from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.score_maps.bands import map_bands


@dataclass(frozen=True)
class Watershed:
    """Cut regions of scores above 0 at their necks, one pixel wide.

    Meyer 1994, Topographic Distance and Watershed Lines
    (https://doi.org/10.1016/0165-1684(94)90060-7), on the distance to the edge of the region. A
    neck counts where it is narrower than the objects on both its sides by `min_neck_m` or more (the
    dynamics of Grimaud 1992). Whole bands at once, about 30 bytes of memory a pixel of the smallest
    rectangle around what is above 0.

    Attributes:
        min_neck_m: How much narrower, half on each side, a neck is than both objects.
    """

    min_neck_m: float

    def __post_init__(self) -> None:
        check_at_least(0, min_neck_m=self.min_neck_m)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map with zeros on the cuts."""
        pixel_m = resolution_m(score_map.geobox)
        return map_bands(score_map, lambda band: self._cut(band, pixel_m=pixel_m))

    def _cut(self, band: np.ndarray, *, pixel_m: float) -> np.ndarray:
        found = ndimage.find_objects((band > 0).astype(np.int8))
        if not found:
            return band
        (place,) = found
        mask = np.pad(band[place] > 0, 1)
        depth = ndimage.distance_transform_edt(mask).astype(np.float32)
        least = max(self.min_neck_m / 2 / pixel_m, 1e-3)
        # Flat tops of all hills that rise by `least` above the way to a higher one.
        lowered = np.maximum(depth - least, 0)
        hills = reconstruction(lowered, depth)  # type: ignore[no-untyped-call]
        tops = local_maxima(hills, connectivity=2, allow_borders=False)  # type: ignore[no-untyped-call]
        middles, _ = ndimage.label(tops & mask, structure=np.ones((3, 3)))
        parts = watershed(-depth, middles, mask=mask, watershed_line=True)  # type: ignore[no-untyped-call]
        regions, _ = ndimage.label(mask)
        without = np.setdiff1d(regions, regions[middles > 0])
        kept = (parts > 0) | (np.isin(regions, without) & mask)
        out = np.zeros_like(band)
        out[place] = np.where(kept[1:-1, 1:-1], band[place], 0)
        return out
