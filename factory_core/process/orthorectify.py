"""Put a raw scene with RPCs on the map, every pixel where its ground is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from factory_core.kernel import geo
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster
from factory_core.kernel.sensor import Rpc
from factory_core.process.ground import GEOGRAPHIC, Ground
from factory_core.process.pixels import check_kept
from factory_core.process.reproject import apply, check_grid, grid_around, transformer
from factory_core.process.warp import Places, Resampling, between_nodes, warp

# Places along each side of the image whose ground gives the outline of the new grid.
SIDE_PLACES = 33


@dataclass(frozen=True)
class Orthorectify:
    """Resample a scene in its own viewing geometry to metres on the map.

    Each pixel of the map is looked up in the image by the RPCs of the scene, at the height of
    the ground there. The RPCs are evaluated exactly at every 16th pixel and three heights and
    interpolated between, which agrees with them to some thousandths of a pixel at worst;
    heights are taken from the DEM at every pixel. Companions in their own viewing geometry
    (`pan`) are brought to the map too, coarser or finer as they are.

    A crop of a larger image needs to know where it began. It is read from the file where
    its geotransform says it; state the offsets where it does not.

    Source: NIMA STDI-0002, RPC00B; the same lookup as `gdalwarp -rpc -et 0`.

    Attributes:
        dem: Heights of the ground; null: the one height `height_m`.
        geoid: Heights of the geoid above the ellipsoid (`egm96_15.gtx`), where those of the
            DEM are above the sea, as most are; null where they are above the ellipsoid.
        height_m: Above the ellipsoid, where there is no DEM; null: the middle of the RPCs.
        fill_height_m: Height of the holes of the DEM; null refuses them.
        crs: `auto`, the UTM zone of the scene, or a code in metres.
        resolution_m: Side of a pixel; null keeps that of the scene, to the centimetre.
        resampling: `bilinear`, `cubic` (sharper), or `nearest`.
        line_offset_px: Row of the whole image at which the crop begins.
        sample_offset_px: Column at which it begins.
        keep_mapped: Let scenes that are on the map through as they are, in a set that has both.

    Raises:
        ValueError: No grid in metres, or a geoid without a DEM.
    """

    dem: Path | None = None
    geoid: Path | None = None
    height_m: float | None = None
    fill_height_m: float | None = None
    crs: str = "auto"
    resolution_m: float | None = None
    resampling: Resampling = "cubic"
    line_offset_px: float = 0.0
    sample_offset_px: float = 0.0
    keep_mapped: bool = False

    def __post_init__(self) -> None:
        check_grid(self.crs, self.resolution_m)
        if self.dem is None and self.geoid is not None:
            raise ValueError("`geoid` corrects the heights of a DEM: state `dem` too.")
        if self.dem is not None and self.height_m is not None:
            raise ValueError("`dem` and `height_m` contradict each other: state one.")

    def __call__(self, raster: Raster) -> Raster:
        """`raster` on the map.

        Raises:
            SceneError: It has no RPCs, or the DEM or geoid does not cover it.
        """
        if raster.sensor is None:
            check_kept(raster, part="orthorectify", keep_mapped=self.keep_mapped)
            return raster
        if not isinstance(raster.sensor, Rpc):
            raise SceneError(
                f"The scene {raster.scene_id!r} has ground points and no RPC. Put "
                "`rectify_by_points` in place of `orthorectify`, or fetch its RPC file."
            )
        model = raster.sensor.shifted(column_px=self.sample_offset_px, row_px=self.line_offset_px)
        height_m = model.height_offset_m if self.height_m is None else self.height_m
        ground = Ground(self.dem, self.geoid, height_m, self.fill_height_m)
        grid = self._grid(raster, model, ground)
        places = _places(grid, model, ground)
        result = warp(raster, grid=grid, places=places, resampling=self.resampling)
        return replace(result, companions=self._companions(raster))

    def _companions(self, raster: Raster) -> dict[str, Raster]:
        found = {}
        for name, other in raster.companions.items():
            finer = geo.resolution_m(other.geobox) / geo.resolution_m(raster.geobox)
            side = self.resolution_m and self.resolution_m * finer
            # A crop begins at another pixel of an image with another size of pixel.
            here = replace(
                self,
                resolution_m=side and round(side, 3),
                line_offset_px=self.line_offset_px / finer,
                sample_offset_px=self.sample_offset_px / finer,
                keep_mapped=True,
            )
            found[name] = here(other)
        return found

    def _grid(self, raster: Raster, model: Rpc, ground: Ground) -> GeoBox:
        """Whole pixels from the origin of the CRS, around the ground that the image shows."""
        crs = geo.metric_crs(raster.geobox) if self.crs == "auto" else self.crs
        side = self.resolution_m or round(geo.resolution_m(raster.geobox), 2)
        longitude, latitude = _outline(raster, model, ground)
        x, y = transformer(GEOGRAPHIC, crs).transform(longitude, latitude)
        return grid_around(np.array([x.min(), y.min(), x.max(), y.max()]), crs=crs, side_m=side)


def _outline(raster: Raster, model: Rpc, ground: Ground) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of the ground at the edge of the image.

    The ray of each place meets the ground where the height that is assumed is the one found;
    heights that swing between two slopes are halved together.
    """
    height, width = raster.geobox.shape
    along = np.linspace(0, 1, SIDE_PLACES)
    column = np.concatenate([along, along, np.zeros_like(along), np.ones_like(along)]) * width
    row = np.concatenate([np.zeros_like(along), np.ones_like(along), along, along]) * height
    seen_m = ground.heights(*model.to_ground(column, row, model.height_offset_m))
    for _ in range(12):
        found_m = ground.heights(*model.to_ground(column, row, seen_m))
        if np.abs(found_m - seen_m).max() < 0.1:
            break
        seen_m = (seen_m + found_m) / 2
    longitude, latitude = model.to_ground(column, row, seen_m)
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        raise SceneError(
            f"The RPCs of {raster.scene_id!r} do not reach the ground at the edge of the image. "
            "Are they those of this scene, and the offsets of its crop right?"
        )
    return longitude, latitude


def _places(grid: GeoBox, model: Rpc, ground: Ground) -> Places:
    """Where the places of `grid` are seen in the image."""
    to_degrees = transformer(str(grid.crs), GEOGRAPHIC)
    middle_m, reach_m = model.height_offset_m, max(model.height_scale_m, 1.0)

    def at_nodes(column: np.ndarray, row: np.ndarray) -> np.ndarray:
        longitude, latitude = to_degrees.transform(*apply(grid.affine, column, row))
        if ground.dem is None:
            return np.stack(model.to_image(longitude, latitude, ground.height_m))
        up = ground.undulation(longitude, latitude) + middle_m
        low, mean, high = (
            np.stack(model.to_image(longitude, latitude, up + step))
            for step in (-reach_m, 0.0, reach_m)
        )
        bend = (high + low) / 2 - mean
        return np.concatenate(
            [mean, (high - low) / 2, bend, np.stack(ground.places(longitude, latitude))]
        )

    def places(across: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nodes = between_nodes(at_nodes, across, down)
        if ground.dem is None:
            return nodes[0], nodes[1]
        step = (ground.above_geoid(nodes[6], nodes[7]) - middle_m) / reach_m
        found = nodes[4:6]
        found *= step
        found += nodes[2:4]
        found *= step
        found += nodes[0:2]
        return found[0], found[1]

    return places
