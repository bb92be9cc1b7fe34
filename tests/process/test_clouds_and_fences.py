"""What is taken out of a scene: clouds, and what lies outside a fence."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Polygon, box

from factory_core.kernel import geo, io
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, LabelError, SceneError
from factory_core.process.clip_to_geofence import ClipToGeofence
from factory_core.process.clouds_to_nodata import CloudsToNodata

BANDS = ("blue", "green", "red", "nir")
LEFT, TOP = 500_000, 5_400_000


def read(raster):
    return raster.read(raster.geobox)


@pytest.fixture
def sky(make_raster):
    """Fields with a cloud of 50 pixels and a white roof of 9."""
    pixels = np.tile(np.array([600, 900, 700, 4000])[:, None, None], (1, 160, 160))
    pixels[:, 40:90, 60:110] = np.array([6200, 6100, 6000, 6300])[:, None, None]
    pixels[:, 130:139, 20:29] = np.array([6200, 6100, 6000, 6300])[:, None, None]
    return make_raster(pixels.astype("uint16"), bands=BANDS)


def test_takes_the_cloud_with_its_rim_and_leaves_the_roof(sky):
    result = CloudsToNodata(rim_px=5)(sky)
    empty = (read(result) == result.nodata).all(axis=0)
    expected = np.zeros((160, 160), bool)
    expected[35:95, 55:115] = True
    assert result.nodata == 0
    np.testing.assert_array_equal(empty, expected)


@pytest.mark.parametrize(
    "colour",
    [
        pytest.param((300, 300, 300, 250), id="shade"),
        pytest.param((1000, 3500, 6500, 7000), id="red soil"),
        pytest.param((3000, 3300, 3200, 99_000 // 2), id="plants"),
    ],
)
def test_leaves_the_ground(make_raster, colour):
    pixels = np.tile(np.array(colour)[:, None, None], (1, 90, 90)).astype("uint16")
    result = CloudsToNodata()(make_raster(pixels, bands=BANDS))
    np.testing.assert_array_equal(read(result), pixels)


def test_takes_what_a_mask_says(sky, make_raster):
    mask = np.zeros((1, 80, 80), "uint8")
    mask[:, :10, :10] = 3
    companion = make_raster(mask, side=2.0, bands=("mask",))
    raster = replace(sky, companions={"cloud": companion})
    result = CloudsToNodata(mask="cloud", cloudy=(1, 3), rim_px=0)(raster)
    empty = (read(result) == 0).all(axis=0)
    assert empty[:20, :20].all()
    assert empty.sum() == 400


def test_refuses_a_missing_mask(sky):
    with pytest.raises(SceneError, match="no companion 'cloud', which `clouds_to_nodata` needs"):
        CloudsToNodata(mask="cloud")(sky)


def test_refuses_to_guess_without_colours(make_raster):
    with pytest.raises(SceneError, match="no band 'blue', 'green', 'red'"):
        CloudsToNodata()(make_raster(np.ones((1, 9, 9), "uint16"), bands=("pan",)))


@pytest.mark.parametrize("fields", [{"min_width_px": 4}, {"rim_px": -1}], ids=str)
def test_clouds_refuse_fields(fields):
    target = "factory_core.process.clouds_to_nodata.CloudsToNodata"
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": target, **fields}, where="task")


def write_fence(path, *shapes, crs="EPSG:32633"):
    io.write_vectors(gpd.GeoDataFrame(geometry=list(shapes), crs=crs), path)
    return path


def at(left, top, right, bottom):
    """A box in pixels of the scene."""
    return box(LEFT + left, TOP - bottom, LEFT + right, TOP - top)


@pytest.mark.parametrize("crop", [True, False])
def test_keeps_pixels_whose_middle_is_inside(tmp_path, make_raster, crop):
    pixels = np.random.default_rng(0).integers(1, 99, (2, 200, 200)).astype("uint8")
    shapes = at(10.4, 20.6, 150.4, 170), at(160, 160, 190, 190)
    raster = make_raster(pixels)
    result = ClipToGeofence(write_fence(tmp_path / "fence.gpkg", *shapes), crop=crop)(raster)
    kept = np.zeros((200, 200), bool)
    kept[21:170, 10:150] = kept[160:190, 160:190] = True
    expected = np.where(kept, pixels, 0)
    if crop:
        assert geo.offset_px(result.geobox, of=raster.geobox) == (20, 10)
        expected = expected[:, 20:190, 10:190]
    assert result.nodata == 0
    np.testing.assert_array_equal(read(result), expected)


def test_takes_a_fence_in_another_crs(tmp_path, make_raster):
    raster = make_raster(np.ones((1, 100, 100), "uint8"))
    there = gpd.GeoSeries([at(20, 20, 60, 60)], crs="EPSG:32633").to_crs("EPSG:4326")
    fence = write_fence(tmp_path / "fence.geojson", *there, crs="EPSG:4326")
    kept = read(ClipToGeofence(fence, crop=False)(raster))[0]
    assert abs(int(kept.sum()) - 1600) <= 4
    assert kept[22:58, 22:58].all()


@pytest.mark.parametrize(
    ("shapes", "error", "message"),
    [
        pytest.param([at(900, 0, 950, 50)], SceneError, "wholly outside", id="outside"),
        pytest.param(
            [at(0, 0, 9, 9).exterior], ConfigError, "Feature 1 .* is a LineString", id="line"
        ),
        pytest.param(
            [Polygon([(LEFT, TOP), (LEFT + 9, TOP - 9), (LEFT + 9, TOP), (LEFT, TOP - 9)])],
            ConfigError,
            "Feature 1 .* crosses itself",
            id="crossed",
        ),
        pytest.param([], ConfigError, "has no features", id="empty"),
    ],
)
def test_refuses_a_fence(tmp_path, make_raster, shapes, error, message):
    fence = write_fence(tmp_path / "fence.parquet", *shapes)
    with pytest.raises(error, match=message):
        ClipToGeofence(fence)(make_raster(np.ones((1, 100, 100), "uint8")))


def test_refuses_a_fence_that_is_not_there(tmp_path, make_raster):
    with pytest.raises(LabelError, match="fence"):
        ClipToGeofence(tmp_path / "fence.gpkg")(make_raster(np.ones((1, 9, 9), "uint8")))
