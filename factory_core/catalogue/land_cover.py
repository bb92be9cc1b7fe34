"""What covers the ground, after a map of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from factory_core.catalogue.view import View
from factory_core.kernel import io


@dataclass(frozen=True)
class LandCover:
    """Share of ground that a map of land cover puts into some of its classes.

    WorldCover and Corine are such maps: one band of codes. Choose this part once for each
    group of classes, under another name (`urban`, `forest`).

    Attributes:
        raster: Map of codes, any raster with a CRS, seen from the root of the detector. Put
            it under `data/raw`, so that DVC sees it change.
        classes: Codes that count.
    """

    raster: Path
    classes: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse an empty list, which nothing could match."""
        if not self.classes:
            raise ValueError(
                "`classes` must name at least one code of the map (WorldCover: 50 is built-up)."
            )

    def __call__(self, view: View) -> float:
        """Share of the mapped ground of `view`, in [0, 1].

        Returns:
            NaN where the map does not reach.

        Raises:
            SceneError: It cannot be read, or has no CRS.
        """
        codes = io.read_onto(self.raster, grid=view.geobox, nearest=True).compressed()
        return float(np.isin(codes, self.classes).mean()) if codes.size else float("nan")
