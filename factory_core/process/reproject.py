"""Bring a scene to a CRS in metres and to one resolution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from factory_core.kernel import geo
from factory_core.kernel.geo import Raster
from factory_core.kernel.limits import check_above
from factory_core.process.pixels import check_on_map
from factory_core.process.warp import Places, Resampling, between_nodes, warp


@dataclass(frozen=True)
class Reproject:
    """Resample to metres, each pixel from the exact place of its middle in the scene.

    A pixel coarser than those of the scene is the mean of as many samples as the scene has
    pixels below it, so nothing aliases. What a pixel becomes does not depend on the window
    it is read in. Where less than half of a pixel has data, it has none. A scene of whole
    numbers without a nodata value gets 0 as one, and its pixels at least 1.

    Attributes:
        crs: `auto`, the scene's own where it is in metres and else its UTM zone, or a code.
        resolution_m: Side of a pixel; null keeps that of the scene.
        resampling: `bilinear`, `cubic` (sharper), or `nearest` for values that must not mix.

    Raises:
        ValueError: A CRS that is not in metres, or a resolution that is not positive.
    """

    crs: str = "auto"
    resolution_m: float | None = None
    resampling: Resampling = "bilinear"

    def __post_init__(self) -> None:
        check_grid(self.crs, self.resolution_m)

    def __call__(self, raster: Raster) -> Raster:
        """`raster` on its new grid; itself where nothing changes.

        Raises:
            SceneError: It is not on the map yet.
        """
        check_on_map(raster, part="reproject")
        grid = self.grid(raster.geobox)
        if grid == raster.geobox:
            return raster
        return on_grid(raster, grid=grid, resampling=self.resampling)

    def grid(self, scene: GeoBox) -> GeoBox:
        """The grid to which a scene is brought: its own origin, or whole pixels from the CRS's."""
        crs = geo.metric_crs(scene) if self.crs == "auto" else self.crs
        side = self.resolution_m or geo.resolution_m(scene)
        affine = scene.affine
        if str(scene.crs) == str(crs):
            if self.resolution_m is None:
                return scene
            if affine.b == affine.d == 0 and affine.a > 0 > affine.e:
                height = int(np.ceil(scene.shape[0] * -affine.e / side - 1e-6))
                width = int(np.ceil(scene.shape[1] * affine.a / side - 1e-6))
                there = Affine(side, 0, affine.c, 0, -side, affine.f)
                return GeoBox((max(1, height), max(1, width)), there, crs)
        outline = gpd.GeoSeries([geo.footprint(scene)], crs=str(scene.crs))
        step = max(np.ptp(outline.total_bounds[[0, 2]]), np.ptp(outline.total_bounds[[1, 3]])) / 64
        return grid_around(outline.segmentize(step).to_crs(crs).total_bounds, crs=crs, side_m=side)


def check_grid(crs: str, resolution_m: float | None) -> None:
    """Refuse what is no grid in metres.

    Raises:
        ValueError: A CRS that is not in metres, or a resolution that is not positive.
    """
    if crs != "auto" and not geo.is_metric(crs):
        raise ValueError(f"`crs` must be `auto` or in metres. Received: {crs!r}.")
    check_above(0, resolution_m=resolution_m)


def grid_around(bounds: np.ndarray, *, crs: str, side_m: float) -> GeoBox:
    """The grid of whole pixels, counted from the origin of the CRS, that covers `bounds`."""
    left, low, right, high = np.asarray(bounds) / side_m
    left, top = np.floor(left), np.ceil(high)
    shape = (max(1, int(np.ceil(top - low))), max(1, int(np.ceil(right - left))))
    return GeoBox(shape, Affine(side_m, 0, left * side_m, 0, -side_m, top * side_m), crs)


def on_grid(raster: Raster, *, grid: GeoBox, resampling: Resampling) -> Raster:
    """`raster` on any grid that is on the map."""
    return warp(raster, grid=grid, places=_places(grid, raster.geobox), resampling=resampling)


def _places(grid: GeoBox, scene: GeoBox) -> Places:
    """Where the places of `grid` lie in `scene`."""
    if str(grid.crs) == str(scene.crs):
        between = ~scene.affine @ grid.affine

        def directly(across: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return apply(between, *np.meshgrid(across, down))

        return directly

    def at_nodes(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        x, y = apply(grid.affine, column, row)
        x, y = transformer(str(grid.crs), str(scene.crs)).transform(x, y)
        return np.stack(apply(~scene.affine, x, y))

    def through_nodes(across: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        column, row = between_nodes(at_nodes, across, down)
        return column, row

    return through_nodes


def apply(affine: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`affine` of the points `x`, `y`."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


@lru_cache
def transformer(source: str, target: str) -> Transformer:
    """From one CRS to another, x before y."""
    return Transformer.from_crs(source, target, always_xy=True)
