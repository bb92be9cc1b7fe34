"""The contexts against what is known: even surfaces, and the airfields."""

import numpy as np
import pytest

from factory_core.catalogue.brightness import Brightness
from factory_core.catalogue.haze import Haze
from factory_core.catalogue.scenes import describe_scene
from factory_core.catalogue.snow import Snow
from factory_core.catalogue.vegetation import Vegetation
from factory_core.kernel import io

SNOW = {"blue": 0.88, "green": 0.88, "red": 0.86, "nir": 0.80}
GRASS = {"blue": 0.04, "green": 0.10, "red": 0.06, "nir": 0.40}
SAND = {"blue": 0.30, "green": 0.45, "red": 0.60, "nir": 0.70}
BRIGHT_SAND = {"blue": 0.50, "green": 0.60, "red": 0.70, "nir": 0.75}


def half(first, second, *, bands=("blue", "green", "red", "nir")):
    """An image whose left half is of the first surface, its right half of the second."""
    image = {}
    for band in bands:
        image[band] = np.full((30, 40), first[band], np.float32)
        image[band][:, 20:] = second[band]
    return image


VISIBLE = ("blue", "green", "red")


@pytest.mark.parametrize("bands", [VISIBLE, (*VISIBLE, "nir")], ids=["without nir", "with nir"])
@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        pytest.param(GRASS, SAND, 0.0, id="no snow"),
        pytest.param(BRIGHT_SAND, BRIGHT_SAND, 0.0, id="bright sand is too warm"),
        pytest.param(SNOW, GRASS, 0.5, id="half"),
        pytest.param(SNOW, SNOW, 1.0, id="all"),
    ],
)
def test_snow(first, second, share, bands):
    assert Snow()(half(first, second, bands=bands)) == share


@pytest.mark.parametrize("bands", [VISIBLE, (*VISIBLE, "nir")], ids=["without nir", "with nir"])
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


def test_brightness_is_the_mean_of_the_visible_bands():
    assert Brightness()(half(GRASS, SNOW)) == pytest.approx(
        np.mean([GRASS[b] + SNOW[b] for b in VISIBLE]) / 2, abs=1e-6
    )


@pytest.mark.parametrize("veil", [0.0, 0.3, 0.6, 0.9])
def test_haze_is_the_veil_that_was_laid_over(veil):
    rng = np.random.default_rng(1)
    ground = {band: rng.uniform(0, 0.5, (200, 200)) for band in VISIBLE}
    image = {band: pixels * (1 - veil) + 0.6 * veil for band, pixels in ground.items()}
    assert Haze()(image) == pytest.approx(veil, abs=0.12)


@pytest.mark.parametrize("context", [Snow(), Vegetation(), Haze()], ids=lambda c: type(c).__name__)
def test_is_unknown_with_a_single_band_that_is_not_visible(context):
    assert np.isnan(context({"pan": np.ones((5, 5))}))


@pytest.fixture(scope="module")
def measured(airfield):
    """What is measured in the airfields, and what is true."""
    contexts = {"snow": Snow(), "vegetation": Vegetation(), "haze": Haze()}
    truth = io.read_json(airfield / "truth.json")
    found = {}
    for name in truth:
        path = airfield / "scenes" / f"{name}.tif"
        item = describe_scene(path, href="", bands=(), white=None, contexts=contexts)
        found[name] = item["properties"]
    return found, truth


def test_snow_and_plants_are_near_the_truth_under_clear_air(measured):
    found, truth = measured
    for name, true in truth.items():
        if true["haze"] == 0:
            assert found[name]["snow"] == pytest.approx(true["snow"], abs=0.12), name
            assert found[name]["vegetation"] == pytest.approx(true["vegetation"], abs=0.12), name


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
