"""Put a raw scene with ground points on the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from factory_core.kernel import geo
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster
from factory_core.kernel.sensor import GroundPoints
from factory_core.process.pixels import check_kept
from factory_core.process.reproject import apply, check_grid, grid_around, transformer
from factory_core.process.warp import Resampling, between_nodes, warp

# Points that a polynomial of each order needs; GDAL takes the highest that is sure to hold.
NEEDED = {1: 3, 2: 6, 3: 10}
SIDE_PLACES = 17
# Ground points may bend a scene more than a sensor does.
NODE_PX = 4
Model = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class RectifyByPoints:
    """Resample a scene to metres on the map by its ground points (GCPs).

    The places of the image are a polynomial of those on the ground, fitted by least squares,
    or a thin plate spline through every point. Points know no relief: in mountains take
    RPCs and a DEM. Companions with ground points are brought to the map too.

    Source: the transformers of `gdalwarp -order` and `gdalwarp -tps`.

    Attributes:
        model: `polynomial`, or `spline`.
        order: Of the polynomial, 1 to 3; null: 2 from six points on, else 1.
        crs: `auto`, the UTM zone of the scene, or a code in metres.
        resolution_m: Side of a pixel; null keeps that of the scene, to the centimetre.
        resampling: `bilinear`, `cubic` (sharper), or `nearest`.
        keep_mapped: Let scenes that are on the map through as they are, in a set that has both.

    Raises:
        ValueError: An order that there is not, or no grid in metres.
    """

    model: Literal["polynomial", "spline"] = "polynomial"
    order: int | None = None
    crs: str = "auto"
    resolution_m: float | None = None
    resampling: Resampling = "cubic"
    keep_mapped: bool = False

    def __post_init__(self) -> None:
        check_grid(self.crs, self.resolution_m)
        if self.order is not None and self.order not in NEEDED:
            raise ValueError(f"`order` must be 1, 2, 3 or null. Received: {self.order}.")

    def __call__(self, raster: Raster) -> Raster:
        """`raster` on the map.

        Raises:
            SceneError: It has an RPC, or too few points or points on a line.
        """
        if raster.sensor is None:
            check_kept(raster, part="rectify_by_points", keep_mapped=self.keep_mapped)
            return raster
        if not isinstance(raster.sensor, GroundPoints):
            raise SceneError(
                f"The scene {raster.scene_id!r} has an RPC and no ground points. Put "
                "`orthorectify` in place of `rectify_by_points`."
            )
        crs = geo.metric_crs(raster.geobox) if self.crs == "auto" else self.crs
        column, row, x, y = np.array(raster.sensor.points, np.float64).T
        x, y = transformer(raster.sensor.crs, crs).transform(x, y)
        self._check(raster, len(x))
        to_map = self._fit(column, row, x, y, scene_id=raster.scene_id)
        to_image = self._fit(x, y, column, row, scene_id=raster.scene_id)
        height, width = raster.geobox.shape
        columns, rows = np.linspace(0, width, SIDE_PLACES), np.linspace(0, height, SIDE_PLACES)
        x, y = to_map(*np.meshgrid(columns, rows))
        side = self.resolution_m or round(geo.resolution_m(raster.geobox), 2)
        bounds = np.array([x.min(), y.min(), x.max(), y.max()])
        grid = grid_around(bounds, crs=crs, side_m=side)

        def at_nodes(across: np.ndarray, down: np.ndarray) -> np.ndarray:
            return to_image(*apply(grid.affine, across, down))

        def places(across: np.ndarray, down: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found = between_nodes(at_nodes, across, down, node_px=NODE_PX)
            return found[0], found[1]

        result = warp(raster, grid=grid, places=places, resampling=self.resampling)
        return replace(result, companions=self._companions(raster))

    def _check(self, raster: Raster, count: int) -> None:
        needed = 3 if self.model == "spline" else NEEDED[self.order or 1]
        if count < needed:
            what = "a spline" if self.model == "spline" else f"`order` {self.order or 1}"
            raise SceneError(
                f"The scene {raster.scene_id!r} has {count} ground points, and {what} needs "
                f"{needed}. Measure more, or lower `process.tasks.rectify_by_points.order`."
            )

    def _fit(
        self, x: np.ndarray, y: np.ndarray, u: np.ndarray, v: np.ndarray, *, scene_id: str
    ) -> Model:
        """The model that takes `x`, `y` to `u`, `v`, both normalised for steady arithmetic."""
        middle, scale = np.array([x.mean(), y.mean()]), max(np.ptp(x), np.ptp(y), 1e-9) / 2
        known = (np.stack([x, y], axis=1) - middle) / scale
        wanted = np.stack([u, v], axis=1)
        order = self.order or (2 if len(x) >= NEEDED[2] else 1)
        order = 1 if self.model == "spline" else order
        terms = _terms(known, order)
        if np.linalg.matrix_rank(terms) < terms.shape[1]:
            raise SceneError(
                f"The ground points of {scene_id!r} lie on a line, or too many in one place, for "
                f"a {self.model} of order {order}. Spread them over the "
                "scene, or lower `process.tasks.rectify_by_points.order`."
            )
        if self.model == "spline":
            known, first = np.unique(known, axis=0, return_index=True)
            weights = _spline(known, wanted[first])
        else:
            known = known[:0]
            weights = np.linalg.lstsq(terms, wanted, rcond=None)[0]

        def model(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            px, py = (x - middle[0]) / scale, (y - middle[1]) / scale
            result = np.zeros((2, *x.shape))
            # Term by term: a product of matrices would round as the window is cut.
            for (kx, ky), weight in zip(known, weights, strict=False):
                result += weight[:, None, None] * _bend((px - kx) ** 2 + (py - ky) ** 2)
            for (i, j), weight in zip(_powers(order), weights[len(known) :], strict=True):
                result += weight[:, None, None] * px**i * py**j
            return result

        return model

    def _companions(self, raster: Raster) -> dict[str, Raster]:
        found = {}
        for name, other in raster.companions.items():
            finer = geo.resolution_m(other.geobox) / geo.resolution_m(raster.geobox)
            side = self.resolution_m and round(self.resolution_m * finer, 3)
            found[name] = replace(self, resolution_m=side, keep_mapped=True)(other)
        return found


def _spline(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Weights of the thin plate spline through points, then of its plane (Duchon 1977)."""
    apart = ((known[:, None] - known) ** 2).sum(axis=2)
    plane = _terms(known, 1)
    count = plane.shape[1]
    system = np.block([[_bend(apart), plane], [plane.T, np.zeros((count, count))]])
    right = np.concatenate([wanted, np.zeros((count, wanted.shape[1]))])
    return np.asarray(np.linalg.solve(system, right))


def _bend(apart: np.ndarray) -> np.ndarray:
    """`r^2 log r`, from the squared distance."""
    return np.asarray(0.5 * apart * np.log(np.where(apart > 0, apart, 1)))


def _terms(places: np.ndarray, order: int) -> np.ndarray:
    """Products of `x` and `y` up to `order` together: `(place, term)`."""
    x, y = places.T
    return np.stack([x**i * y**j for i, j in _powers(order)], axis=1)


def _powers(order: int) -> list[tuple[int, int]]:
    return [(i, total - i) for total in range(order + 1) for i in range(total + 1)]
