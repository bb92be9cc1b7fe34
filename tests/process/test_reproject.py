"""Bringing scenes to metres: exact, alike in every window, without aliasing."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy.ndimage import maximum_filter, minimum_filter

from factory_core.kernel import geo, io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError
from factory_core.process.reproject import Reproject

RNG = np.random.default_rng(5)


def test_leaves_a_scene_in_metres_alone(make_raster):
    raster = make_raster(np.ones((1, 5, 5)))
    assert Reproject()(raster) is raster


def test_halves_by_the_mean_of_four(make_raster):
    pixels = RNG.integers(1, 60_000, (3, 40, 60)).astype("uint16")
    result = Reproject(resolution_m=2.0)(make_raster(pixels))
    assert result.geobox.shape == (20, 30)
    expected = np.rint(pixels.reshape(3, 20, 2, 30, 2).mean(axis=(2, 4)))
    np.testing.assert_array_equal(result.read(result.geobox), expected)


@pytest.mark.parametrize("resolution_m", [0.5, 0.7, 1.9, 3.3, 8.0])
def test_keeps_a_ramp_where_it_was(make_raster, resolution_m):
    rows, columns = np.mgrid[:80, :80] + 0.5
    raster = make_raster(np.stack([rows, columns]), bands=("row", "column"))
    result = Reproject(resolution_m=resolution_m)(raster)
    row, column = result.read(result.geobox)
    inner = slice(3, int(80 / resolution_m) - 3)
    expected = (np.arange(result.geobox.shape[0]) + 0.5) * resolution_m
    np.testing.assert_allclose(row[inner, inner].mean(axis=1), expected[inner], atol=1e-6)
    np.testing.assert_allclose(column[inner, inner].mean(axis=0), expected[inner], atol=1e-6)


def test_puts_every_pixel_of_another_crs_where_it_belongs(make_raster):
    rows, columns = np.mgrid[:120, :90] + 0.5
    corner, side = (13.1, 48.3), 1e-5
    raster = make_raster(
        np.stack([corner[0] + columns * side, corner[1] - rows * side]),
        bands=("longitude", "latitude"),
        corner=corner,
        side=side,
        crs="EPSG:4326",
    )
    result = Reproject(resolution_m=0.8)(raster)
    assert str(result.geobox.crs) == "EPSG:32633"
    longitude, latitude = result.read(result.geobox)
    height, width = result.geobox.shape
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    a = result.geobox.affine
    there = Transformer.from_crs("EPSG:32633", "EPSG:4326", always_xy=True)
    true = there.transform(a.c + x * a.a, a.f + y * a.e)
    seen = np.isfinite(longitude)
    seen[:3] = seen[-3:] = False
    seen[:, :3] = seen[:, -3:] = False
    inner = seen & (abs(longitude - (13.1 + 45 * side)) < 42 * side)
    inner &= abs(latitude - (48.3 - 60 * side)) < 57 * side
    assert inner.mean() > 0.6
    hundredth_px = side / 100
    assert abs(longitude - true[0])[inner].max() < hundredth_px
    assert abs(latitude - true[1])[inner].max() < hundredth_px


@pytest.fixture(scope="module")
def odd_raster():
    pixels = RNG.integers(0, 60_000, (2, 90, 70)).astype("uint16")
    grid = GeoBox((90, 70), Affine(1.2, 0, 800_000, 0, -1.2, 5_400_000), "EPSG:32633")

    def read(window):
        row, column = geo.offset_px(window, of=grid)
        return np.pad(pixels, ((0, 0), (200, 200), (200, 200)))[
            :,
            row + 200 : row + 200 + window.shape[0],
            column + 200 : column + 200 + window.shape[1],
        ]

    return geo.Raster("scene", grid, ("a", "b"), "uint16", None, read)


@settings(max_examples=15)
@given(
    resolution_m=st.floats(0.4, 7.0),
    crs=st.sampled_from(["auto", "EPSG:32632", "EPSG:3035"]),
    size_px=st.integers(5, 40),
)
def test_gives_the_same_in_any_window(odd_raster, resolution_m, crs, size_px):
    result = Reproject(crs=crs, resolution_m=resolution_m)(odd_raster)
    whole = result.read(result.geobox)
    height, width = result.geobox.shape
    for window in list(geo.cut_windows(result.geobox, size_px=size_px))[::3]:
        row, column = geo.offset_px(window, of=result.geobox)
        part = result.read(window)[:, : height - row, : width - column]
        expected = whole[:, row : row + size_px, column : column + size_px]
        np.testing.assert_array_equal(part, expected)


def test_does_not_alias(make_raster):
    stripes = np.where(np.arange(100) % 2, 200, 100).astype("uint8")
    raster = make_raster(np.broadcast_to(stripes, (1, 100, 100)))
    result = Reproject(resolution_m=10.0)(raster)
    assert set(result.read(result.geobox).ravel()) == {150}


def test_nearest_mixes_nothing(make_raster):
    pixels = RNG.choice([3, 90, 200], (1, 50, 50)).astype("uint8")
    result = Reproject(resolution_m=1.7, resampling="nearest")(make_raster(pixels))
    assert set(result.read(result.geobox)[0, :29, :29].ravel()) <= {3, 90, 200}


@pytest.mark.parametrize("hole", [0, 9, float("nan")], ids=str)
def test_does_not_smear_what_has_no_data(make_raster, hole):
    pixels = np.full((1, 40, 40), 50, "float32")
    pixels[0, :21] = hole
    result = Reproject(resolution_m=2.0)(make_raster(pixels, nodata=hole))
    found = result.read(result.geobox)[0]
    missing = np.isnan(found) if np.isnan(hole) else found == hole
    assert missing[:10].all()
    assert (found[11:] == 50).all()
    assert (found[10] == 50).all()  # half of its pixels have data


def test_holds_nodata_around_a_turned_scene_and_no_zero_inside(make_raster):
    raster = make_raster(np.zeros((1, 60, 60), "uint8"), corner=(800_000, 5_400_000))
    result = Reproject(crs="EPSG:32632")(raster)
    found = result.read(result.geobox)[0]
    assert result.nodata == 0
    assert found[0, 0] == 0
    assert found[30, 30] == 1


def test_takes_one_pixel(make_raster):
    result = Reproject(resolution_m=3.0)(make_raster(np.full((1, 1, 1), 7, "uint8")))
    assert result.geobox.shape == (1, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"crs": "EPSG:4326"},
        {"resolution_m": 0.0},
        {"resolution_m": "fine"},
        {"resampling": "bilinaer"},
        {"resolution": 2.0},
    ],
    ids=str,
)
def test_refuses_fields(fields):
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": "factory_core.process.reproject.Reproject", **fields}, where="task")


@pytest.mark.slow
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
@pytest.mark.parametrize(
    ("crs", "resolution_m"),
    [("EPSG:32633", 0.7), ("EPSG:32632", 0.9), ("EPSG:3035", 1.0)],
    ids=["finer", "turned", "other datum"],
)
def test_agrees_with_gdalwarp(tmp_path, make_raster, gdalwarp, resampling, crs, resolution_m):
    raster = make_raster(RNG.integers(1, 9000, (1, 150, 160)).astype("uint16"), nodata=0)
    path = tmp_path / "scene.tif"
    io.write_cog(
        path,
        geobox=raster.geobox,
        bands=raster.bands,
        dtype=raster.dtype,
        nodata=0,
        blocks=[(raster.geobox, raster.read(raster.geobox))],
    )
    part = Reproject(crs=crs, resolution_m=resolution_m, resampling=resampling)
    result = part(io.open_raster(path))
    (found,) = result.read(result.geobox).astype(float)
    (expected,) = gdalwarp(path, grid=result.geobox, options=["-r", resampling])
    inner = minimum_filter((found > 0) & (expected > 0), size=9, mode="constant", cval=False)
    steepest = maximum_filter(expected, size=3) - minimum_filter(expected, size=3)
    assert inner.sum() > 9000
    share = (abs(found - expected) <= 1 + 0.01 * steepest)[inner].mean()
    assert share > (0.999 if resampling != "nearest" else 0.98)
