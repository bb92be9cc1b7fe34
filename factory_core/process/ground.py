"""Height of the ground above the ellipsoid: a DEM and a geoid, or one height everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.kernel.geo import Raster
from factory_core.process.reproject import apply, transformer
from factory_core.process.warp import sample

GEOGRAPHIC = "EPSG:4326"


@dataclass(frozen=True)
class Ground:
    """The surface that a scene shows.

    Attributes:
        dem: Heights in metres, above the geoid where there is one and else above the
            ellipsoid; None: `height_m` everywhere.
        geoid: Heights of the geoid above the ellipsoid (a `.gtx`, say), or None.
        height_m: Height above the ellipsoid where there is no DEM.
        fill_height_m: Height of the DEM where it has none (0 for the sea); None refuses.
    """

    dem: Path | None
    geoid: Path | None
    height_m: float
    fill_height_m: float | None

    def heights(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Heights above the ellipsoid at places of any shape.

        Raises:
            SceneError: The DEM or the geoid does not cover them.
        """
        if self.dem is None:
            return np.full(np.shape(longitude), self.height_m)
        column, row = self.places(longitude, latitude)
        return np.asarray(self.above_geoid(column, row) + self.undulation(longitude, latitude))

    def places(self, longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Column and row in the DEM."""
        dem = _open(_stated(self.dem))
        x, y = transformer(GEOGRAPHIC, str(dem.geobox.crs)).transform(longitude, latitude)
        return apply(~dem.geobox.affine, x, y)

    def above_geoid(self, column: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Heights of the DEM at its columns and rows, between its pixels linearly."""
        path = _stated(self.dem)
        (found,) = sample(_open(path), column, row, resampling="bilinear")
        missing = np.isnan(found)
        if missing.any():
            if self.fill_height_m is None:
                raise self._no_height(path, column[missing].flat[0], row[missing].flat[0])
            found = np.where(missing, self.fill_height_m, found)
        return np.asarray(found)

    def undulation(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Heights of the geoid above the ellipsoid, 0 without one."""
        if self.geoid is None:
            return np.zeros(np.shape(longitude))
        geoid = _open(self.geoid)
        x, y = transformer(GEOGRAPHIC, str(geoid.geobox.crs)).transform(longitude, latitude)
        column, row = apply(~geoid.geobox.affine, x, y)
        (found,) = sample(geoid, column, row, resampling="bilinear")
        if np.isnan(found).any():
            raise SceneError(
                f"The geoid {self.geoid} does not cover longitude {np.ravel(longitude)[0]:.4f}, "
                f"latitude {np.ravel(latitude)[0]:.4f}. Take one that does: `egm96_15.gtx` covers "
                "the Earth."
            )
        return np.asarray(found)

    def _no_height(self, path: Path, column: float, row: float) -> SceneError:
        dem = _open(path)
        place = dem.geobox.affine @ (float(column), float(row))
        longitude, latitude = transformer(str(dem.geobox.crs), GEOGRAPHIC).transform(*place)
        height, width = dem.geobox.shape
        inside = 0 <= column <= width and 0 <= row <= height
        what = "has a hole" if inside else "does not reach"
        return SceneError(
            f"The DEM {path} {what} at longitude {longitude:.5f}, latitude {latitude:.5f}, which "
            "the scene shows. Take one that covers it, fill it (`gdal_fillnodata.py`), or state "
            "the height there in `process.tasks.orthorectify.fill_height_m` (0 for the sea)."
        )


def _stated(path: Path | None) -> Path:
    if path is None:
        raise ValueError("There is no DEM: its heights were asked for all the same.")
    return path


def _open(path: Path) -> Raster:
    """The raster of heights, opened once a version of the file."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise SceneError(
            f"The heights {path} cannot be read ({error.strerror}), from {Path.cwd()}. Correct "
            "`process.tasks.orthorectify.dem` or `.geoid`, or fetch the file."
        ) from error
    return _opened(path, changed)


@lru_cache(maxsize=8)
def _opened(path: Path, _changed: int) -> Raster:
    raster = io.open_raster(path)
    if raster.sensor is not None or len(raster.bands) != 1:
        raise SceneError(
            f"{path} is no raster of heights on the map: it has {len(raster.bands)} bands"
            f"{' and the model of a sensor' if raster.sensor else ''}. Expected one band."
        )
    return raster
