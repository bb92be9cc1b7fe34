"""The 64 bits of a scene: alike for copies, unlike for other scenes, none for flat ones."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from factory_core.catalogue.pixel_fingerprint import fingerprint_pixels


def landscape(seed, *, shape=(200, 260)):
    """Smooth ground with a few fields of other brightness, as reflectance."""
    rng = np.random.default_rng(seed)
    ground = gaussian_filter(rng.random(shape), 12) * 3
    for _ in range(12):
        row, column = rng.integers(0, shape[0] - 30), rng.integers(0, shape[1] - 30)
        ground[row : row + 30, column : column + 30] += rng.uniform(-0.2, 0.2)
    return {"red": np.clip(ground * 0.2, 0, 1), "green": np.clip(ground * 0.25, 0, 1)}


def bits_apart(one, two):
    return (int(fingerprint_pixels(one), 16) ^ int(fingerprint_pixels(two), 16)).bit_count()


def changed(image, how):
    return {name: how(band) for name, band in image.items()}


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda band: band, id="itself"),
        pytest.param(lambda band: band * 0.6 + 0.05, id="other exposure"),
        pytest.param(lambda band: np.round(band * 40) / 40, id="few grey values"),
        pytest.param(lambda band: zoom(band, 0.5, order=1), id="half the resolution"),
        pytest.param(lambda band: band[1:-1, 2:], id="cut by a pixel or two"),
        pytest.param(
            lambda band: band + np.random.default_rng(9).normal(0, 0.01, band.shape), id="noise"
        ),
    ],
)
def test_a_copy_differs_in_few_bits(how):
    image = landscape(3)
    assert bits_apart(image, changed(image, how)) <= 4


def test_other_scenes_differ_in_many_bits():
    images = [landscape(seed) for seed in range(8)]
    apart = [bits_apart(a, b) for n, a in enumerate(images) for b in images[:n]]
    assert min(apart) > 10


@pytest.mark.parametrize(
    "image",
    [
        pytest.param({"red": np.full((40, 50), 0.3)}, id="one colour"),
        pytest.param({"red": np.full((40, 50), np.nan)}, id="no data"),
        pytest.param(
            {"red": 0.05 + np.random.default_rng(0).normal(0, 1e-3, (300, 300))}, id="calm water"
        ),
    ],
)
def test_a_flat_image_has_none(image):
    assert fingerprint_pixels(image) is None


def test_pixels_without_data_do_not_count():
    image = landscape(5)
    holed = changed(image, lambda band: np.where(np.arange(band.shape[1]) < 8, np.nan, band))
    assert bits_apart(image, holed) <= 8
