"""Keep of a scene what lies inside given polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster, offset_px, window_at
from factory_core.process.pixels import check_on_map, to_dtype, values, with_nodata

# Squares that lie wholly inside or outside the fence are told at once.
SQUARE_PX = 64


@dataclass(frozen=True)
class ClipToGeofence:
    """Turn what lies outside of the polygons of a file into nodata.

    A pixel belongs inside where its middle does.

    Attributes:
        file: Polygons as GeoPackage, GeoJSON or GeoParquet, in any CRS.
        crop: Cut the scene to the whole pixels around what is left, too.
    """

    file: Path
    crop: bool = True

    def __call__(self, raster: Raster) -> Raster:
        """`raster` inside the fence.

        Raises:
            SceneError: It is not on the map, or wholly outside.
            ConfigError: The file has no polygon, or one that crosses itself.
            LabelError: The file cannot be read, or has no CRS.
        """
        check_on_map(raster, part="clip_to_geofence")
        scene = raster.geobox
        fence = io.read_geofence(self.file).to_crs(str(scene.crs))
        fence = fence.affine_transform((~scene.affine).to_shapely())
        height, width = scene.shape
        inside = fence.union_all().intersection(shapely.box(0, 0, width, height))
        if inside.area == 0:
            raise SceneError(
                f"The scene {raster.scene_id!r} lies wholly outside of the geofence {self.file}. "
                "Leave it out by `select.geofence` or `select.where`, or widen the fence."
            )
        shapely.prepare(inside)
        nodata, lowest = with_nodata(raster)
        grid = _around(inside, scene) if self.crop else scene

        def read(window: GeoBox) -> np.ndarray:
            row, column = offset_px(window, of=scene)
            kept = _within(inside, row, column, window.shape)
            if not kept.any():
                return np.full((len(raster.bands), *window.shape), nodata, raster.dtype)
            pixels = values(raster, window)
            pixels[:, ~kept] = np.nan
            return to_dtype(pixels, raster, nodata=nodata, lowest=lowest)

        return replace(raster, geobox=grid, nodata=nodata, read=read)


def _around(inside: BaseGeometry, scene: GeoBox) -> GeoBox:
    left, top, right, bottom = inside.bounds
    row, column = int(np.floor(top)), int(np.floor(left))
    shape = (int(np.ceil(bottom)) - row, int(np.ceil(right)) - column)
    return window_at(scene, row=row, column=column, shape=shape)


def _within(inside: BaseGeometry, row: int, column: int, shape: Sequence[int]) -> np.ndarray:
    """Mask of the pixels of a window whose middles lie in `inside`, in pixels of the scene."""
    kept = np.zeros((shape[0], shape[1]), bool)
    for top in range(0, shape[0], SQUARE_PX):
        for left in range(0, shape[1], SQUARE_PX):
            rows = np.arange(row + top, row + min(top + SQUARE_PX, shape[0]))
            columns = np.arange(column + left, column + min(left + SQUARE_PX, shape[1]))
            here = (slice(top, top + len(rows)), slice(left, left + len(columns)))
            square = shapely.box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            if shapely.contains(inside, square):
                kept[here] = True
            elif shapely.intersects(inside, square):
                x, y = np.meshgrid(columns + 0.5, rows + 0.5)
                kept[here] = shapely.contains_xy(inside, x, y)
    return kept
