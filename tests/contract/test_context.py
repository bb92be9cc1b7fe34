"""What every context promises."""

import numpy as np
import pytest

from factory_core.kernel.config import build
from factory_core.kernel.parts import list_parts, load_part

BANDS = ("blue", "green", "red", "nir")


@pytest.fixture(params=[part.name for part in list_parts("context")])
def context(request):
    return build(load_part("context", request.param))


def image(bands=BANDS, *, shape=(40, 50), seed=0):
    rng = np.random.default_rng(seed)
    return {band: rng.uniform(0, 1.2, shape).astype(np.float32) for band in bands}


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (40, 50)], ids=str)
def test_lies_between_0_and_1(context, shape):
    assert 0 <= context(image(shape=shape)) <= 1


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5], ids=["black", "white", "glint"])
def test_takes_even_images(context, value):
    even = {band: np.full((20, 20), value, np.float32) for band in BANDS}
    assert 0 <= context(even) <= 1


def test_does_without_pixels_without_data(context):
    holes = image()
    for band in holes.values():
        band[:10] = np.nan
    assert 0 <= context(holes) <= 1


@pytest.mark.parametrize("bands", [("red", "green", "blue"), ("pan",), ("red", "nir")], ids=str)
def test_says_nan_where_the_bands_cannot_tell(context, bands):
    value = context(image(bands))
    assert np.isnan(value) or 0 <= value <= 1


def test_leaves_the_image_alone(context):
    given = image()
    before = {band: pixels.copy() for band, pixels in given.items()}
    context(given)
    for band, pixels in before.items():
        np.testing.assert_array_equal(given[band], pixels)


def test_gives_the_same_again(context):
    assert context(image()) == context(image())
