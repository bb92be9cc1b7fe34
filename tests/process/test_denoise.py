"""Less noise, the same edges: against scipy and scikit-image, and with holes."""

import numpy as np
import pytest
from scipy.ndimage import median_filter

from factory_core.kernel.config import build
from factory_core.kernel.errors import ConfigError
from factory_core.process.denoise import Denoise

RNG = np.random.default_rng(5)
METHODS = ("median", "bilateral", "non_local_means")


def read(raster):
    return raster.read(raster.geobox)


def steps(noise=10.0):
    """Two fields with an edge between, and the truth."""
    true = np.where(np.arange(80) < 40, 100.0, 200.0) * np.ones((1, 80, 1))
    return true + RNG.normal(0, noise, true.shape), true


@pytest.mark.parametrize("method", METHODS)
def test_leaves_less_noise_and_the_edge(make_raster, method):
    noisy, true = steps()
    found = read(Denoise(method, radius_px=3, strength=12.0)(make_raster(noisy)))
    inner = (slice(None), slice(5, -5), slice(5, -5))
    assert (found - true)[inner].std() < 0.6 * (noisy - true)[inner].std()
    assert np.median(found[0, :, 39]) == pytest.approx(100, abs=15)
    assert np.median(found[0, :, 40]) == pytest.approx(200, abs=15)


def test_median_is_that_of_scipy(make_raster):
    pixels = RNG.integers(1, 9000, (1, 40, 50)).astype("uint16")
    found = read(Denoise("median", radius_px=2)(make_raster(pixels)))
    expected = median_filter(pixels[0], size=5)
    np.testing.assert_array_equal(found[0, 2:-2, 2:-2], expected[2:-2, 2:-2])


def test_bilateral_is_the_sum_of_its_source(make_raster):
    """Tomasi and Manduchi's equation, pixel by pixel."""
    noisy, _ = steps()
    found = read(Denoise("bilateral", radius_px=2, strength=25.0)(make_raster(noisy)))[0]
    y, x = np.mgrid[-2:3, -2:3]
    for row, column in [(10, 10), (30, 39), (50, 40), (70, 41)]:
        square = noisy[0, row - 2 : row + 3, column - 2 : column + 3]
        near = np.exp(-(x**2 + y**2) / (2 * 1.0**2))
        like = np.exp(-((square - noisy[0, row, column]) ** 2) / (2 * 25.0**2))
        expected = (near * like * square).sum() / (near * like).sum()
        assert found[row, column] == pytest.approx(expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hole", [0.0, float("nan")], ids=str)
def test_keeps_holes_and_spreads_nothing_from_them(make_raster, method, hole):
    pixels = np.full((1, 40, 40), 500.0)
    pixels[0, 10:20, 10:20] = hole
    found = read(Denoise(method, radius_px=2)(make_raster(pixels, nodata=hole)))[0]
    empty = np.isnan(found) if np.isnan(hole) else found == hole
    assert empty[10:20, 10:20].all()
    assert empty.sum() == 100
    np.testing.assert_allclose(found[~empty], 500)


@pytest.mark.parametrize(
    "fields", [{"method": "gauss"}, {"radius_px": 0}, {"radius_px": 16}, {"strength": 0.0}], ids=str
)
def test_refuses_fields(fields):
    with pytest.raises(ConfigError, match="task"):
        build({"_target_": "factory_core.process.denoise.Denoise", **fields}, where="task")
