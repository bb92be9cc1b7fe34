"""Scenes with ground points on the map: exact polynomials, gdalwarp, and what is refused."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from scipy.ndimage import maximum_filter, minimum_filter

from factory_core.kernel import geo, io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.rectify_by_points import RectifyByPoints

SIDE = 100
CORNER = (500_000.0, 5_400_000.0)


def bend(x, y):
    """Column and row of a place on the ground: turned, and bent to the second order."""
    u, v = (x - CORNER[0]) / SIDE, (CORNER[1] - y) / SIDE
    return SIDE * (0.9 * u + 0.1 * v + 0.04 * u * v), SIDE * (
        0.05 - 0.1 * u + 0.9 * v + 0.03 * u**2
    )


def points(count):
    """Ground points spread over the scene, exact in a bent model."""
    rng = np.random.default_rng(2)
    x = CORNER[0] + rng.uniform(0, SIDE, count)
    y = CORNER[1] - rng.uniform(0, SIDE, count)
    return list(zip(*bend(x, y), x, y, strict=True))


def write(path, places, *, pixels=None):
    if pixels is None:
        pixels = np.random.default_rng(0).integers(1, 250, (1, SIDE, SIDE)).astype("uint8")
    gcps = [GroundControlPoint(col=c, row=r, x=x, y=y) for c, r, x, y in places]
    height, width = pixels.shape[1:]
    profile = {"width": width, "height": height, "count": len(pixels), "dtype": pixels.dtype}
    with rasterio.open(path, "w", **profile, gcps=gcps, crs="EPSG:32633", nodata=0) as sink:
        sink.write(pixels)
    return path


@pytest.mark.parametrize("fields", [{}, {"order": 3}, {"model": "spline"}], ids=str)
def test_puts_the_ground_where_it_is(tmp_path, fields):
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    path = write(tmp_path / "a.tif", points(60), pixels=np.stack([columns, rows]))
    part = RectifyByPoints(resolution_m=1.0, resampling="bilinear", **fields)
    result = part(io.open_raster(path))
    column, row = result.read(result.geobox)
    height, width = result.geobox.shape
    x, y = result.geobox.affine @ tuple(
        np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    )
    true_column, true_row = bend(x, y)
    inner = (abs(true_column - 50) < 40) & (abs(true_row - 50) < 40)
    assert inner.sum() > 5000
    # A plane and a spline only come near to what is bent.
    tolerance_px = 0.3 if fields.get("model") == "spline" else 0.01
    assert abs(column - true_column)[inner].max() < tolerance_px
    assert abs(row - true_row)[inner].max() < tolerance_px


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"order": 1}, ["-order", "1"]),
        ({"order": 2}, ["-order", "2"]),
        ({"order": 3}, ["-order", "3"]),
        ({"model": "spline"}, ["-tps"]),
    ],
    ids=str,
)
def test_agrees_with_gdalwarp(tmp_path, gdalwarp, fields, options):
    rng = np.random.default_rng(5)
    noisy = [(c + rng.normal(0, 0.3), r + rng.normal(0, 0.3), x, y) for c, r, x, y in points(25)]
    path = write(tmp_path / "a.tif", noisy)
    result = RectifyByPoints(resolution_m=0.6, resampling="bilinear", **fields)(
        io.open_raster(path)
    )
    found = result.read(result.geobox).astype(float)[0]
    (expected,) = gdalwarp(path, grid=result.geobox, options=[*options, "-r", "bilinear"])
    inner = minimum_filter((found > 0) & (expected > 0), size=9)
    steepest = maximum_filter(expected, size=3) - minimum_filter(expected, size=3)
    assert inner.sum() > 5000
    assert (abs(found - expected) <= 1 + 0.02 * steepest)[inner].mean() > 0.999


@pytest.mark.parametrize(
    ("places", "fields", "message"),
    [
        pytest.param(
            points(5), {"order": 2}, "has 5 ground points, and `order` 2 needs 6", id="few"
        ),
        pytest.param(
            points(9), {"order": 3}, "has 9 ground points, and `order` 3 needs 10", id="9"
        ),
    ],
)
def test_refuses_too_few_points(tmp_path, places, fields, message):
    raster = io.open_raster(write(tmp_path / "a.tif", places))
    with pytest.raises(SceneError, match=message):
        RectifyByPoints(**fields)(raster)


@pytest.mark.parametrize("count", [1, 2])
def test_refuses_points_that_place_nothing(tmp_path, count):
    with pytest.raises(SceneError, match=r"a\.tif does not place it on the ground: .* at least 3"):
        io.open_raster(write(tmp_path / "a.tif", points(count)))


def test_refuses_points_on_a_line(tmp_path):
    line = [(k, k, CORNER[0] + k, CORNER[1] - k) for k in range(0, 90, 10)]
    with pytest.raises(SceneError, match=r"a\.tif does not place it on the ground"):
        io.open_raster(write(tmp_path / "a.tif", line))
    almost = [*line, (90, 0, CORNER[0] + 90, CORNER[1])]
    raster = io.open_raster(write(tmp_path / "b.tif", almost))
    with pytest.raises(SceneError, match="ground points of 'b' lie on a line"):
        RectifyByPoints(order=2)(raster)


def test_reads_ground_points_as_a_sensor(tmp_path):
    raster = io.open_raster(write(tmp_path / "a.tif", points(12)))
    assert str(raster.geobox.crs) == "EPSG:4326"
    assert len(raster.sensor.points) == 12
    assert geo.resolution_m(raster.geobox) == pytest.approx(1.1, abs=0.1)
    assert raster.geobox.affine != Affine.identity()


@pytest.mark.parametrize("fields", [{"order": 4}, {"model": "tps"}, {"resolution_m": 0.0}], ids=str)
def test_refuses_fields(fields):
    target = "factory_core.process.rectify_by_points.RectifyByPoints"
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": target, **fields}, where="task")
