"""Choose the bands that the model sees, and their order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster


@dataclass(frozen=True)
class ComposeBands:
    """Keep the named bands, in the order given.

    Attributes:
        bands: Names, `red`, `green`, `blue`, `nir` or what the scenes call theirs.

    Raises:
        ValueError: No band, or one twice.
    """

    bands: tuple[str, ...] = ("red", "green", "blue")

    def __post_init__(self) -> None:
        if not self.bands or len(set(self.bands)) < len(self.bands):
            raise ValueError(
                f"`bands` must name each band once, and at least one. Received: {self.bands}."
            )

    def __call__(self, raster: Raster) -> Raster:
        """`raster` with these bands.

        Raises:
            SceneError: It lacks one; names the scene and the bands it has.
        """
        missing = [band for band in self.bands if band not in raster.bands]
        if missing:
            raise SceneError(
                f"The scene {raster.scene_id!r} has no band {', '.join(map(repr, missing))}. It "
                f"has: {', '.join(raster.bands)}. Choose from these in "
                "`process.tasks.compose_bands.bands`, name the bands of the files in "
                "`catalogue.bands`, or leave the scene out by `select.where`."
            )
        if self.bands == raster.bands:
            return raster
        positions = [raster.bands.index(band) for band in self.bands]

        def read(window: GeoBox) -> np.ndarray:
            return raster.read(window)[positions]

        return replace(raster, bands=self.bands, read=read)
