"""What every context promises."""

from datetime import UTC, datetime

import numpy as np
import pytest
import rasterio
from affine import Affine

from factory_core.catalogue.acquisition import Acquisition
from factory_core.kernel.config import build
from factory_core.kernel.parts import list_parts, load_part
from tests.views import view_of

BANDS = ("blue", "green", "red", "nir", "swir16")
UNITS = ("_m", "_deg")
NOON = datetime(2024, 6, 1, 11, tzinfo=UTC)
KNOWN = Acquisition(NOON, NOON, 50.0, 160.0, 12.0, longitude_deg=15, latitude_deg=48.7)


@pytest.fixture(scope="session")
def map_file(tmp_path_factory):
    """A raster over the views: heights, or codes of land cover."""
    path = tmp_path_factory.mktemp("maps") / "map.tif"
    values = np.arange(400, dtype="int16").reshape(1, 20, 20)
    profile = {"width": 20, "height": 20, "count": 1, "dtype": "int16", "crs": "EPSG:32633"}
    transform = Affine(30, 0, 499_800, 0, -30, 5_400_200)
    with rasterio.open(path, "w", transform=transform, **profile) as sink:
        sink.write(values)
    return path


@pytest.fixture(params=[part.name for part in list_parts("context")])
def named(request, map_file):
    """A context by its name, with a map where it needs one."""
    node = load_part("context", request.param)
    node |= {key: str(map_file) for key in ("dem", "raster") if key in node}
    return request.param, build(node)


@pytest.fixture
def context(named):
    return named[1]


def image(bands=BANDS, *, shape=(40, 50), seed=0):
    rng = np.random.default_rng(seed)
    return {band: rng.uniform(0, 1.2, shape).astype(np.float32) for band in bands}


def holds(name, value):
    return np.isnan(value) or (0 <= value <= 1 if not name.endswith(UNITS) else np.isfinite(value))


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (40, 50)], ids=str)
def test_lies_between_0_and_1_unless_its_name_has_a_unit(named, shape):
    name, context = named
    assert holds(name, context(view_of(image(shape=shape), acquired=KNOWN)))


def test_can_be_told_of_a_scene_with_every_band_and_known_metadata(named):
    _, context = named
    assert np.isfinite(context(view_of(image(), acquired=KNOWN)))


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5], ids=["black", "white", "glint"])
def test_takes_even_images(named, value):
    name, context = named
    even = {band: np.full((20, 20), value, np.float32) for band in BANDS}
    value = context(view_of(even, acquired=KNOWN))
    assert np.isfinite(value)
    assert holds(name, value)


def test_does_without_pixels_without_data(named):
    name, context = named
    holes = image()
    for band in holes.values():
        band[:10] = np.nan
    value = context(view_of(holes, acquired=KNOWN))
    assert np.isfinite(value)
    assert holds(name, value)


def test_takes_a_cell_without_any_data(named):
    name, context = named
    nothing = {band: np.full((20, 20), np.nan, np.float32) for band in BANDS}
    assert holds(name, context(view_of(nothing, scene=image(), acquired=KNOWN)))


@pytest.mark.parametrize(
    "bands", [("red", "green", "blue"), ("pan",), ("red", "nir"), ("band_1", "band_2")], ids=str
)
def test_says_nan_where_the_bands_cannot_tell(named, bands):
    name, context = named
    assert holds(name, context(view_of(image(bands))))


def test_leaves_the_image_alone(context):
    given = image()
    before = {band: pixels.copy() for band, pixels in given.items()}
    context(view_of(given, acquired=KNOWN))
    for band, pixels in before.items():
        np.testing.assert_array_equal(given[band], pixels)


def test_gives_the_same_again(context):
    first, second = (context(view_of(image(), acquired=KNOWN)) for _ in range(2))
    np.testing.assert_equal(first, second)
