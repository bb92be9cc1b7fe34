"""The stretch to 8 bits: fitted on training ground, alike for all scenes."""

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from factory_core.kernel import geo
from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process import to_8bit
from factory_core.process.pixels import SAMPLE_PX
from factory_core.process.to_8bit import To8Bit


def ramp(low, high, *, dtype="uint16", shape=(100, 100)):
    return np.linspace(low, high, shape[0] * shape[1]).reshape(1, *shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_maps_the_percentiles_to_1_and_255(make_raster, ground, dtype):
    raster = make_raster(ramp(0, 100, dtype=dtype))
    part = To8Bit(10.0, 90.0).fit({"a": raster}, {"a": ground(raster)})
    assert part.limits[0] == pytest.approx((10, 90), abs=1)
    result = part(raster)
    pixels = result.read(result.geobox)
    assert (result.dtype, result.nodata) == ("uint8", 0)
    assert (pixels.min(), pixels.max()) == (1, 255)
    assert (pixels == 1).mean() == pytest.approx(0.1, abs=0.02)
    assert (pixels == 255).mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("nodata", [0, 7, float("nan"), None], ids=str)
def test_keeps_0_for_what_has_no_data(make_raster, ground, nodata):
    pixels = ramp(100, 200, dtype="float32")
    hole = float("nan") if nodata is None else nodata
    pixels[0, :30] = hole
    raster = make_raster(pixels, nodata=nodata)
    part = To8Bit().fit({"a": raster}, {"a": ground(raster)})
    result = part(raster)
    values = result.read(result.geobox)
    assert (values[0, :30] == 0).all()
    assert (values[0, 30:] >= 1).all()
    assert part.limits[0][0] > 100


def test_looks_at_training_ground_only(make_raster):
    pixels = ramp(0, 100, shape=(200, 200))
    pixels[0, :, 100:] = 5000
    raster = make_raster(pixels)
    left, low, _, high = geo.footprint(raster.geobox).bounds
    half = gpd.GeoSeries([box(left, low, left + 100, high)], crs="EPSG:32633")
    part = To8Bit(0.0, 100.0).fit({"a": raster}, {"a": half})
    assert part.limits[0][1] <= 100


def test_is_one_stretch_for_all_scenes(make_raster, ground):
    dark, bright = make_raster(ramp(0, 100)), make_raster(ramp(900, 1000))
    areas = {"a": ground(dark), "b": ground(bright)}
    part = To8Bit(0.0, 100.0).fit({"a": dark, "b": bright}, areas)
    assert part.limits == ((0.0, 1000.0),)


def test_stretches_each_band_by_itself(make_raster, ground):
    raster = make_raster(np.concatenate([ramp(0, 100), ramp(500, 900)]))
    part = To8Bit(0.0, 100.0).fit({"a": raster}, {"a": ground(raster)})
    assert part.limits == ((0.0, 100.0), (500.0, 900.0))


def test_takes_a_scene_of_one_value(make_raster, ground):
    raster = make_raster(np.full((1, 50, 50), 7, "uint16"))
    result = To8Bit().fit({"a": raster}, {"a": ground(raster)})(raster)
    assert set(result.read(result.geobox).ravel()) == {1}


def test_reads_no_more_of_large_sets_than_of_small_ones(make_raster, ground, monkeypatch):
    monkeypatch.setattr(to_8bit, "SAMPLE_WINDOWS", 16)
    raster = make_raster(ramp(0, 100, shape=(SAMPLE_PX * 4, SAMPLE_PX * 40)))
    windows = []

    def read(window):
        windows.append(window)
        return raster.read(window)

    watched = geo.Raster(**{**vars(raster), "read": read})
    names = [str(number) for number in range(40)]
    To8Bit().fit(dict.fromkeys(names, watched), dict.fromkeys(names, ground(raster)))
    assert len(windows) <= 16


@pytest.mark.parametrize(
    ("other", "named"),
    [
        pytest.param({"pixels": np.ones((2, 9, 9), "uint16")}, "red, green as uint16", id="bands"),
        pytest.param({"pixels": np.ones((1, 9, 9), "uint8")}, "red as uint8", id="type"),
    ],
)
def test_refuses_scenes_that_differ(make_raster, ground, other, named):
    one, two = make_raster(ramp(0, 9), scene_id="one"), make_raster(**other, scene_id="two")
    with pytest.raises(SceneError, match=f"'two' has {named}"):
        To8Bit().fit({"one": one, "two": two}, {"one": ground(one), "two": ground(two)})


def test_refuses_ground_without_data(make_raster, ground):
    raster = make_raster(np.zeros((1, 50, 50), "uint16"), nodata=0)
    with pytest.raises(SceneError, match="No pixel with data in the training ground of a"):
        To8Bit().fit({"a": raster}, {"a": ground(raster)})


def test_refuses_to_be_applied_before_it_is_fitted(make_raster):
    with pytest.raises(ConfigError, match=r"to_8bit\.limits"):
        To8Bit()(make_raster(ramp(0, 9)))


@pytest.mark.parametrize(
    "fields",
    [
        {"lower_percentile": 50.0, "upper_percentile": 50.0},
        {"upper_percentile": 101.0},
        {"lower_percentile": -1.0},
        {"limits": [[3.0, 3.0]]},
        {"limits": [[1.0]]},
        {"upper": 99.0},
    ],
    ids=str,
)
def test_refuses_fields(fields):
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": "factory_core.process.to_8bit.To8Bit", **fields}, where="task")
