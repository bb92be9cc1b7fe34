"""Digital numbers to reflectance: worked examples, tags, and what is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError, SceneError
from factory_core.process.to_reflectance import ToReflectance, sun_distance_au

TAGS = {"SUN_ELEVATION": "30", "ACQUISITIONDATETIME": "2024-07-05T10:00:00Z"}


@pytest.fixture
def raster(make_raster):
    return make_raster(np.array([[[0, 400, 800]], [[0, 100, 500]]], "uint16"), nodata=0)


def read(raster):
    return raster.read(raster.geobox)[:, 0]


def test_divides_by_white_where_nothing_is_stated(raster):
    result = ToReflectance()(raster)
    assert result.dtype == "float32"
    np.testing.assert_allclose(read(result), [[np.nan, 0.04, 0.08], [np.nan, 0.01, 0.05]])


def test_works_out_the_example_of_the_handbook(raster):
    """pi L d^2 / (ESUN sin(elevation)), by hand: L = 0.5 * 400 + 1 = 201."""
    part = ToReflectance(
        gain=(0.5, 0.25),
        offset=(1.0, 0.0),
        esun=(1500.0, 1800.0),
        sun_elevation_deg=30.0,
        distance_au=1.01,
    )
    expected = np.pi * 201 * 1.01**2 / (1500 * 0.5)
    assert read(part(raster))[0, 1] == pytest.approx(expected, rel=1e-6)


def test_takes_sun_and_time_from_the_tags(raster):
    part = ToReflectance(gain=(0.5, 0.25), esun=(1500.0, 1800.0))
    stated = replace(part, sun_elevation_deg=30.0, distance_au=1.01668)
    tagged = replace(raster, tags=TAGS)
    np.testing.assert_allclose(read(part(tagged)), read(stated(raster)), rtol=2e-4)


def test_corrects_the_sun_of_ready_reflectance_only_where_asked(raster):
    tagged = replace(raster, tags=TAGS)
    plain, corrected = read(ToReflectance()(tagged)), read(ToReflectance(correct_sun=True)(tagged))
    np.testing.assert_allclose(corrected, plain * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        # Perihelion and aphelion, by the Astronomical Almanac for 2024.
        (datetime(2024, 1, 3, 1, tzinfo=UTC), 0.98331),
        (datetime(2024, 7, 5, 5, tzinfo=UTC), 1.01673),
        (datetime(2024, 4, 4, tzinfo=UTC), 1.0001),
    ],
)
def test_knows_how_far_the_sun_is(time, expected):
    assert sun_distance_au(time) == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({**TAGS, "SUN_ELEVATION": "-3"}, "is '-3': a number above 0"),
        ({**TAGS, "SUN_ELEVATION": "high"}, "is 'high'"),
        ({**TAGS, "SUN_ELEVATION": "nan"}, "is 'nan'"),
        ({"ACQUISITIONDATETIME": TAGS["ACQUISITIONDATETIME"]}, "'scene' is not in its tags"),
        ({"SUN_ELEVATION": "30"}, "ACQUISITIONDATETIME of the scene 'scene' is ''"),
        ({**TAGS, "ACQUISITIONDATETIME": "June"}, "is 'June', no time"),
    ],
    ids=str,
)
def test_refuses_tags(raster, tags, message):
    with pytest.raises(SceneError, match=message):
        ToReflectance(esun=(1500.0, 1800.0))(replace(raster, tags=tags))


@pytest.mark.parametrize("name", ["gain", "offset", "esun"])
def test_refuses_other_numbers_than_bands(raster, name):
    with pytest.raises(ConfigError, match=rf"to_reflectance\.{name}` has 3 values, and the scene"):
        ToReflectance(**{name: (1.0, 2.0, 3.0)})(raster)


@pytest.mark.parametrize(
    "fields",
    [
        {"sun_elevation_deg": 0.0},
        {"sun_elevation_deg": -10.0},
        {"sun_elevation_deg": 91.0},
        {"esun": [1500.0, 0.0]},
        {"distance_au": 149.6},
    ],
    ids=str,
)
def test_refuses_fields(fields):
    target = "factory_core.process.to_reflectance.ToReflectance"
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": target, **fields}, where="task")
