"""The contexts against what is known: even surfaces, made-up ground, and the airfields."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from scipy.ndimage import gaussian_filter

from factory_core.catalogue.acquisition import Acquisition
from factory_core.catalogue.brightness import Brightness
from factory_core.catalogue.cloud import Cloud
from factory_core.catalogue.contrast import Contrast
from factory_core.catalogue.gsd_m import GroundResolution
from factory_core.catalogue.haze import Haze
from factory_core.catalogue.land_cover import LandCover
from factory_core.catalogue.nodata_share import NodataShare
from factory_core.catalogue.off_nadir import OffNadir
from factory_core.catalogue.relief import Relief
from factory_core.catalogue.scenes import describe_scene
from factory_core.catalogue.season import Season
from factory_core.catalogue.shadow import Shadow
from factory_core.catalogue.sharpness import Sharpness
from factory_core.catalogue.snow import Snow
from factory_core.catalogue.sources import find_scenes
from factory_core.catalogue.sun_elevation import SunElevation
from factory_core.catalogue.vegetation import Vegetation
from factory_core.catalogue.view import Overview
from factory_core.catalogue.water import Water
from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from tests.views import view_of

SNOW = {"blue": 0.88, "green": 0.88, "red": 0.86, "nir": 0.80, "swir16": 0.10}
CLOUD = {"blue": 0.70, "green": 0.69, "red": 0.68, "nir": 0.70, "swir16": 0.55}
GRASS = {"blue": 0.04, "green": 0.10, "red": 0.06, "nir": 0.40, "swir16": 0.20}
SAND = {"blue": 0.30, "green": 0.45, "red": 0.60, "nir": 0.70, "swir16": 0.75}
BRIGHT_SAND = {"blue": 0.50, "green": 0.60, "red": 0.70, "nir": 0.75, "swir16": 0.80}
LAKE = {"blue": 0.07, "green": 0.07, "red": 0.04, "nir": 0.02, "swir16": 0.01}

VISIBLE = ("blue", "green", "red")
WITH_NIR = (*VISIBLE, "nir")
WITH_SWIR = (*WITH_NIR, "swir16")
BANDS = pytest.mark.parametrize(
    "bands", [VISIBLE, WITH_NIR, WITH_SWIR], ids=["visible", "with nir", "with swir"]
)


def half(first, second, *, bands=WITH_NIR):
    """An image whose left half is of the first surface, its right half of the second."""
    image = {}
    for band in bands:
        image[band] = np.full((60, 80), first[band], np.float32)
        image[band][:, 40:] = second[band]
    return view_of(image)


@BANDS
@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        pytest.param(GRASS, SAND, 0.0, id="no snow"),
        pytest.param(BRIGHT_SAND, BRIGHT_SAND, 0.0, id="bright sand is too warm"),
        pytest.param(SNOW, GRASS, 0.5, id="half"),
        pytest.param(SNOW, SNOW, 1.0, id="all"),
        pytest.param(LAKE, LAKE, 0.0, id="water"),
    ],
)
def test_snow(first, second, share, bands):
    assert Snow()(half(first, second, bands=bands)) == share


def test_short_wave_infrared_tells_snow_from_cloud():
    assert Snow()(half(SNOW, CLOUD, bands=WITH_SWIR)) == 0.5
    assert Snow()(half(SNOW, CLOUD, bands=WITH_NIR)) == 1.0


@BANDS
@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        pytest.param(SNOW, SAND, 0.0, id="no plants"),
        pytest.param(GRASS, SAND, 0.5, id="half"),
        pytest.param(GRASS, GRASS, 1.0, id="all"),
    ],
)
def test_vegetation(first, second, share, bands):
    assert Vegetation()(half(first, second, bands=bands)) == share


@BANDS
@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        pytest.param(GRASS, SAND, 0.0, id="clear"),
        pytest.param(BRIGHT_SAND, GRASS, 0.0, id="bright sand is too warm"),
        pytest.param(CLOUD, GRASS, 0.5, id="half"),
        pytest.param(CLOUD, CLOUD, 1.0, id="all"),
    ],
)
def test_cloud(first, second, share, bands):
    assert Cloud()(half(first, second, bands=bands)) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    ("bands", "share"),
    [
        pytest.param(VISIBLE, 1.0, id="visible bands cannot tell"),
        pytest.param(WITH_NIR, 0.0, id="nir"),
        pytest.param(WITH_SWIR, 0.0, id="swir"),
    ],
)
def test_snow_is_a_cloud_only_where_nothing_tells(bands, share):
    assert Cloud()(half(SNOW, SNOW, bands=bands)) == share


@pytest.mark.parametrize(
    ("width_px", "share"),
    [pytest.param(20, 0.0, id="a roof"), pytest.param(40, 1600 / 10_000, id="a cloud")],
)
def test_narrow_white_things_are_no_cloud(width_px, share):
    image = {band: np.full((100, 100), GRASS[band], np.float32) for band in WITH_NIR}
    for band, pixels in image.items():
        pixels[30 : 30 + width_px, 30 : 30 + width_px] = CLOUD[band]
    assert Cloud()(view_of(image)) == pytest.approx(share, abs=0.01)


@BANDS
@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        pytest.param(GRASS, SAND, 0.0, id="dry"),
        pytest.param(SNOW, CLOUD, 0.0, id="white"),
        pytest.param(LAKE, GRASS, 0.5, id="half"),
        pytest.param(LAKE, LAKE, 1.0, id="all"),
    ],
)
def test_water(first, second, share, bands):
    assert Water()(half(first, second, bands=bands)) == share


@pytest.mark.parametrize("bands", [VISIBLE, WITH_NIR], ids=["visible", "with nir"])
def test_shadow_is_dark_and_blue(bands):
    shade = {"blue": 0.30, "green": 0.22, "red": 0.18, "nir": 0.15}
    image = {band: np.full((40, 40), SAND[band], np.float32) for band in bands}
    for band, pixels in image.items():
        pixels[:10] *= shade[band]
    assert Shadow()(view_of(image)) == 0.25


def test_brightness_is_the_mean_of_the_visible_bands():
    assert Brightness()(half(GRASS, SNOW)) == pytest.approx(
        np.mean([GRASS[b] + SNOW[b] for b in VISIBLE]) / 2, abs=1e-6
    )


@pytest.mark.parametrize(
    ("dark", "bright", "contrast"),
    [
        pytest.param(0.2, 0.2, 0.0, id="flat"),
        pytest.param(0.1, 0.3, 0.5, id="half"),
        pytest.param(0.0, 0.5, 1.0, id="black and grey"),
    ],
)
def test_contrast(dark, bright, contrast):
    image = {"pan": np.full((20, 20), dark, np.float32)}
    image["pan"][:, 10:] = bright
    assert Contrast()(view_of(image)) == pytest.approx(contrast, abs=1e-6)


def test_a_blurred_image_is_less_sharp():
    sharp = np.random.default_rng(0).uniform(0, 1, (128, 128)).astype(np.float32)
    found = [
        Sharpness()(view_of({"pan": gaussian_filter(sharp, sigma) if sigma else sharp}))
        for sigma in (0, 1, 2, 4)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.7
    assert found[-1] < 0.4


def test_sharpness_looks_at_the_pixels_of_the_file():
    even = {"pan": np.full((64, 64), 0.5, np.float32)}
    noise = {"pan": np.random.default_rng(0).uniform(0, 1, (64, 64)).astype(np.float32)}
    assert Sharpness()(view_of(even, detail=noise)) > 0.7


def test_nodata_share():
    image = half(GRASS, SAND).image
    image["red"][:15] = np.nan
    assert NodataShare()(view_of(image)) == 0.25


def test_ground_resolution():
    assert GroundResolution()(view_of(half(GRASS, SAND).image, pixel_m=0.3)) == 0.3


def taken(text, **given):
    time = datetime.fromisoformat(text)
    acquired = Acquisition(time, time, **{"longitude_deg": 0, "latitude_deg": 50} | given)
    return view_of(half(GRASS, SAND).image, acquired=acquired)


@pytest.mark.parametrize(
    ("date", "latitude_deg", "season"),
    [
        pytest.param("2024-06-21T12:00+00:00", 50, 1.0, id="midsummer"),
        pytest.param("2024-12-21T12:00+00:00", 50, 0.0, id="midwinter"),
        pytest.param("2024-12-21T12:00+00:00", -34, 1.0, id="midsummer in the south"),
        pytest.param("2024-03-20T12:00+00:00", 50, 0.5, id="spring"),
    ],
)
def test_season(date, latitude_deg, season):
    assert Season()(taken(date, latitude_deg=latitude_deg)) == pytest.approx(season, abs=0.02)


@pytest.mark.parametrize(
    ("acquired", "known"),
    [
        pytest.param(Acquisition(), False, id="unknown"),
        pytest.param(
            Acquisition(datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)),
            False,
            id="two centuries",
        ),
        pytest.param(
            Acquisition(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 20, tzinfo=UTC)),
            True,
            id="three weeks",
        ),
    ],
)
def test_season_needs_a_time(acquired, known):
    assert np.isfinite(Season()(view_of(half(GRASS, SAND).image, acquired=acquired))) == known


# From the solar calculator of NOAA's Global Monitoring Laboratory.
@pytest.mark.parametrize(
    ("moment", "longitude_deg", "latitude_deg", "elevation_deg"),
    [
        pytest.param("2024-06-20T12:00+00:00", 0, 51.48, 61.9, id="Greenwich in June"),
        pytest.param("2024-12-21T12:00+00:00", 0, 51.48, 15.1, id="Greenwich in December"),
        pytest.param("2024-03-20T12:00+00:00", 0, 0, 88.1, id="on the equator"),
    ],
)
def test_sun_elevation_is_computed_from_time_and_place(
    moment, longitude_deg, latitude_deg, elevation_deg
):
    view = taken(moment, longitude_deg=longitude_deg, latitude_deg=latitude_deg)
    assert SunElevation()(view) == pytest.approx(elevation_deg, abs=0.5)


def test_a_stated_sun_elevation_wins():
    assert SunElevation()(taken("2024-06-20T12:00+00:00", sun_elevation_deg=33.3)) == 33.3


def test_a_mere_date_tells_no_sun_elevation():
    assert np.isnan(SunElevation()(taken("2024-06-20T00:00+00:00")))


def test_off_nadir_is_what_is_stated():
    assert OffNadir()(taken("2024-06-20T12:00+00:00", off_nadir_deg=17.5)) == 17.5
    assert np.isnan(OffNadir()(taken("2024-06-20T12:00+00:00")))


@pytest.fixture
def write_map(tmp_path):
    """Write a raster over the views and give its path."""

    def write(values, *, crs="EPSG:32633", nodata=None):
        path = tmp_path / "map.tif"
        profile = {"count": 1, "crs": crs, "nodata": nodata, "dtype": values.dtype}
        profile |= {"height": values.shape[0], "width": values.shape[1]}
        transform = Affine(10, 0, 499_980, 0, -10, 5_400_020)
        with rasterio.open(path, "w", transform=transform, **profile) as sink:
            sink.write(values[None])
        return path

    return write


def test_relief_is_what_the_ground_rises_in_the_view(write_map):
    heights = np.tile(np.arange(12, dtype="float32") * 3, (10, 1))  # 3 m each 10 m to the east
    relief = Relief(write_map(heights))(half(GRASS, SAND))
    assert relief == pytest.approx(0.3 * 80, rel=0.06)


def test_relief_is_unknown_where_the_model_does_not_reach(write_map):
    path = write_map(np.zeros((10, 12), "int16"))
    assert np.isnan(Relief(path)(view_of(half(GRASS, SAND).image, corner=(600_000, 5_400_000))))


def test_land_cover_is_the_share_of_the_classes(write_map):
    codes = np.full((10, 12), 30, "uint8")
    codes[:, :4] = 50  # the first 20 of 80 metres
    codes[:, 4:6] = 0
    path = write_map(codes, nodata=0)
    assert LandCover(path, (50,))(half(GRASS, SAND)) == pytest.approx(1 / 3)
    assert LandCover(path, (50, 30))(half(GRASS, SAND)) == 1.0


@pytest.mark.parametrize("part", [Relief, lambda path: LandCover(path, (1,))])
def test_a_map_without_a_crs_is_named(write_map, part):
    path = write_map(np.zeros((10, 12), "int16"), crs=None)
    with pytest.raises(SceneError, match=r"map\.tif has no CRS"):
        part(path)(half(GRASS, SAND))


def test_a_map_that_is_missing_is_named():
    with pytest.raises(SceneError, match=r"nowhere\.tif cannot be read"):
        Relief(Path("nowhere.tif"))(half(GRASS, SAND))


@pytest.mark.parametrize("veil", [0.0, 0.3, 0.6, 0.9])
def test_haze_is_the_veil_that_was_laid_over(veil):
    rng = np.random.default_rng(1)
    ground = {band: rng.uniform(0, 0.5, (200, 200)) for band in VISIBLE}
    image = {band: pixels * (1 - veil) + 0.6 * veil for band, pixels in ground.items()}
    assert Haze()(view_of(image)) == pytest.approx(veil, abs=0.12)


SPECTRAL = [Snow(), Vegetation(), Haze(), Cloud(), Water(), Shadow()]


@pytest.mark.parametrize("context", SPECTRAL, ids=lambda c: type(c).__name__)
def test_is_unknown_with_a_single_band_that_is_not_visible(context):
    assert np.isnan(context(view_of({"pan": np.ones((5, 5))})))


CONTEXTS = {
    "snow": Snow(),
    "vegetation": Vegetation(),
    "haze": Haze(),
    "cloud": Cloud(),
    "water": Water(),
    "shadow": Shadow(),
    "nodata_share": NodataShare(),
    "sun_elevation_deg": SunElevation(),
    "season": Season(),
}


@dataclass(frozen=True)
class VisibleOnly:
    """A context that gets blue, green and red alone."""

    context: object

    def __call__(self, view):
        image, scene = ({name: i[name] for name in VISIBLE} for i in (view.image, view.scene.image))
        return self.context(replace(view, image=image, detail=image, scene=Overview(scene)))


SPECTRAL_NAMES = ("snow", "vegetation", "shadow", "water", "cloud")
CONTEXTS |= {f"visible_{name}": VisibleOnly(CONTEXTS[name]) for name in SPECTRAL_NAMES}


@pytest.fixture(scope="module")
def measured(airfield):
    """What is measured in the airfields, and what is true."""
    truth = io.read_json(airfield / "truth.json")
    given = {"raw": airfield, "bands": (), "white": None, "contexts": CONTEXTS, "cell_m": 64.0}
    found = {
        name: describe_scene(source, **given)["item"]["properties"]
        for name, source in find_scenes(airfield, "scenes/*.tif").items()
    }
    assert found.keys() == truth.keys()
    return found, truth


def test_snow_plants_and_shade_are_near_the_truth_under_clear_air(measured):
    found, truth = measured
    for name, true in truth.items():
        if true["haze"] == 0:
            assert found[name]["snow"] == pytest.approx(true["snow"], abs=0.12), name
            assert found[name]["vegetation"] == pytest.approx(true["vegetation"], abs=0.12), name
            assert found[name]["shadow"] == pytest.approx(true["shadow"], abs=0.06), name


def test_visible_bands_alone_come_near_the_truth_too(measured):
    found, truth = measured
    for name, true in truth.items():
        values = found[name]
        assert values["visible_water"] < 0.04, name
        if true["snow"] == 0:
            assert values["visible_cloud"] < 0.02, name
        if true["haze"] == 0:
            for key in ("snow", "vegetation", "shadow"):
                assert values[f"visible_{key}"] == pytest.approx(true[key], abs=0.12), (name, key)


def test_a_low_sun_throws_more_shadow(measured):
    found, truth = measured
    clear = [name for name, true in truth.items() if true["haze"] == 0]
    low = [found[name]["shadow"] for name in clear if name.startswith("snow")]
    high = [found[name]["shadow"] for name in clear if not name.startswith("snow")]
    assert min(low) > max(high)


def test_there_is_neither_cloud_nor_water_nor_a_gap_on_the_airfields(measured):
    found, _ = measured
    for name, values in found.items():
        assert max(values[key] for key in ("cloud", "water", "nodata_share")) < 0.02, name


def test_sun_and_season_of_the_airfields_are_those_they_were_made_for(measured):
    found, _ = measured
    winter = [name for name in found if name.startswith("snow")]
    assert {name: round(found[name]["sun_elevation_deg"]) for name in winter} == {
        "snow_airline": 24,
        "snow_flightline": 27,
    }
    assert all((values["season"] < 0.2) == (name in winter) for name, values in found.items())


def test_hazy_scenes_are_hazier_than_all_others(measured):
    found, truth = measured
    hazy = [found[name]["haze"] for name, true in truth.items() if true["haze"] > 0]
    clear = [found[name]["haze"] for name, true in truth.items() if true["haze"] == 0]
    assert min(hazy) > max(clear) + 0.05


def test_snowy_scenes_are_snowier_than_all_others(measured):
    found, truth = measured
    snowy = [found[name]["snow"] for name, true in truth.items() if true["snow"] > 0]
    others = [found[name]["snow"] for name, true in truth.items() if true["snow"] == 0]
    assert min(snowy) > max(others) + 0.15
