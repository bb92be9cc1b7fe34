"""How hilly the ground is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.catalogue.view import View
from factory_core.kernel import io

MAX_PX = 32


@dataclass(frozen=True)
class Relief:
    """Metres between the lowest and the highest ground of a cell.

    Local relief (Smith, The relative relief of Ohio, Geographical Review 25, 1935), from an
    elevation model.

    Attributes:
        dem: Elevation in metres, any raster with a CRS, seen from the root of the detector.
            Put it under `data/raw`, so that DVC sees it change.
    """

    dem: Path

    def __call__(self, view: View) -> float:
        """Relief of `view` in metres.

        Returns:
            NaN where the elevation model does not reach.

        Raises:
            SceneError: It cannot be read, or has no CRS.
        """
        heights = io.read_onto(self.dem, grid=_coarse(view.geobox, max_px=MAX_PX))
        known = heights.compressed()
        known = known[np.isfinite(known)]
        return float(np.ptp(known)) if known.size else float("nan")


def _coarse(grid: GeoBox, *, max_px: int) -> GeoBox:
    """The same ground in at most `max_px` pixels a side."""
    height, width = (min(side, max_px) for side in grid.shape)
    return grid if (height, width) == tuple(grid.shape) else grid.zoom_to((height, width))
