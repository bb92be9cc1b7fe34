"""The model of the sensor that comes with a raw scene, and the grid that comes nearest to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC

from factory_core.kernel.errors import SceneError
from factory_core.kernel.sensor import GroundPoints, Rpc, Sensor

GEOGRAPHIC = "EPSG:4326"
# Beside a scene whose RPC no driver of GDAL finds: DIMAP files, named after it.
DIMAP_NAMES = ("RPC_{stem}.XML", "{stem}_RPC.XML", "{stem}.RPC.XML")
# Places along a side that the approximate grid is fitted to.
PLACES = 5


def read_sensor(dataset: rasterio.DatasetReader, path: Path) -> Sensor | None:
    """The model in a scene without map projection: RPC first, then ground points.

    GDAL reads RPCs from the tags of a GeoTIFF, `.RPB`, `_RPC.TXT` and the DIMAP file of a
    product as delivered; beside those, `RPC_<name>.XML` or `<name>_RPC.XML` is read as DIMAP.
    A geotransform of whole pixels without CRS (as OTB writes it) says where in the image
    of the RPC a crop begins, and the RPC is shifted by it.

    Raises:
        SceneError: The model is damaged.
    """
    try:
        rpcs = dataset.rpcs
        if rpcs is not None:
            return _shifted(_from_rasterio(rpcs), dataset)
        sidecars = (path.with_name(name.format(stem=path.stem)) for name in DIMAP_NAMES)
        for sidecar in sidecars:
            if sidecar.is_file():
                return _shifted(read_dimap_rpc(sidecar), dataset)
        points, crs = dataset.gcps
        if points and crs:
            places = tuple((float(p.col), float(p.row), float(p.x), float(p.y)) for p in points)
            return GroundPoints(str(crs), places)
    except (ValueError, TypeError, AttributeError) as error:
        raise SceneError(
            f"The sensor model of {path} is damaged: {error}. Fetch the scene with its RPC or "
            "ground points again."
        ) from error
    return None


def _from_rasterio(rpcs: RPC) -> Rpc:
    return Rpc(
        rpcs.line_off,
        rpcs.samp_off,
        rpcs.lat_off,
        rpcs.long_off,
        rpcs.height_off,
        rpcs.line_scale,
        rpcs.samp_scale,
        rpcs.lat_scale,
        rpcs.long_scale,
        rpcs.height_scale,
        tuple(rpcs.line_num_coeff),
        tuple(rpcs.line_den_coeff),
        tuple(rpcs.samp_num_coeff),
        tuple(rpcs.samp_den_coeff),
    )


def _shifted(rpc: Rpc, dataset: rasterio.DatasetReader) -> Rpc:
    a, b, column, d, e, row = tuple(dataset.transform)[:6]
    is_crop = (a, b, d, abs(e)) == (1, 0, 0, 1) and column == int(column) and row == int(row)
    if dataset.crs is None and is_crop:
        return rpc.shifted(column_px=column, row_px=abs(row))
    return rpc


def read_dimap_rpc(path: Path) -> Rpc:
    """Read the RPC of a DIMAP file (Pleiades, SPOT 6 and 7), whose first pixel is (1, 1).

    Raises:
        SceneError: It is no XML, or lacks a number of the model.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, DefusedXmlException, OSError) as error:
        raise SceneError(
            f"{path} is no XML that can be read ({error}). Expected the RPC of a DIMAP product."
        ) from error

    def number(name: str) -> float:
        # From the ground to the image: the other model of the file goes the other way.
        text = root.findtext(f".//Inverse_Model/{name}" if "COEFF" in name else f".//{name}", "")
        try:
            return float(text)
        except ValueError as error:
            raise SceneError(
                f"{path} lacks the number {name} of its RPC. Fetch the file again."
            ) from error

    def numbers(name: str) -> tuple[float, ...]:
        return tuple(number(f"{name}_COEFF_{index}") for index in range(1, 21))

    return Rpc(
        number("LINE_OFF") - 1,
        number("SAMP_OFF") - 1,
        number("LAT_OFF"),
        number("LONG_OFF"),
        number("HEIGHT_OFF"),
        number("LINE_SCALE"),
        number("SAMP_SCALE"),
        number("LAT_SCALE"),
        number("LONG_SCALE"),
        number("HEIGHT_SCALE"),
        numbers("LINE_NUM"),
        numbers("LINE_DEN"),
        numbers("SAMP_NUM"),
        numbers("SAMP_DEN"),
    )


def sensor_profile(sensor: Sensor | None) -> dict[str, Any]:
    """What rasterio needs to write the model into a GeoTIFF."""
    if isinstance(sensor, Rpc):
        return {
            "rpcs": RPC(
                height_off=sensor.height_offset_m,
                height_scale=sensor.height_scale_m,
                lat_off=sensor.latitude_offset_deg,
                lat_scale=sensor.latitude_scale_deg,
                line_den_coeff=list(sensor.line_denominator),
                line_num_coeff=list(sensor.line_numerator),
                line_off=sensor.line_offset_px,
                line_scale=sensor.line_scale_px,
                long_off=sensor.longitude_offset_deg,
                long_scale=sensor.longitude_scale_deg,
                samp_den_coeff=list(sensor.sample_denominator),
                samp_num_coeff=list(sensor.sample_numerator),
                samp_off=sensor.sample_offset_px,
                samp_scale=sensor.sample_scale_px,
            )
        }
    if isinstance(sensor, GroundPoints):
        points = [GroundControlPoint(row=r, col=c, x=x, y=y) for c, r, x, y in sensor.points]
        return {"gcps": points, "crs": sensor.crs}
    return {}


def approximate_grid(sensor: Sensor, shape: tuple[int, int]) -> GeoBox:
    """The affine grid in longitude and latitude that comes nearest to a model.

    Raises:
        ValueError: The ground points lie on a line, or are fewer than three.
    """
    if isinstance(sensor, Rpc):
        rows, columns = (np.linspace(0, side, PLACES) for side in shape)
        column, row = (places.ravel() for places in np.meshgrid(columns, rows))
        x, y = sensor.to_ground(column, row, sensor.height_offset_m)
    else:
        column, row, x, y = np.array(sensor.points, np.float64).reshape(-1, 4).T
        x, y = Transformer.from_crs(sensor.crs, GEOGRAPHIC, always_xy=True).transform(x, y)
    known = np.stack([column, row, np.ones_like(column)], axis=1)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("its places cannot be found on the ground")
    if np.linalg.matrix_rank(known) < 3:
        raise ValueError(f"{len(column)} ground points do not span an area; at least 3 must")
    (a, b, c), (d, e, f) = np.linalg.lstsq(known, np.stack([x, y], axis=1), rcond=None)[0].T
    return GeoBox(shape, Affine(a, b, c, d, e, f), GEOGRAPHIC)
