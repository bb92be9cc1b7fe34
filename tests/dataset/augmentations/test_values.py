"""What each augmentation of values does to the pixels, by its definition."""

import numpy as np
import pytest

from factory_core.dataset.augmentations.band_dropout import BandDropout
from factory_core.dataset.augmentations.blur import Blur
from factory_core.dataset.augmentations.colour_jitter import ColourJitter
from factory_core.dataset.augmentations.ground_resolution import GroundResolution
from factory_core.dataset.augmentations.haze import Haze
from factory_core.dataset.augmentations.interface import Chance
from factory_core.dataset.augmentations.noise import Noise
from factory_core.dataset.augmentations.shadow import Shadow
from factory_core.dataset.augmentations.snow import Snow
from factory_core.dataset.sample import Sample

SIDE = 64


def run(part, image, seed=0, top=255.0):
    sample = Sample(np.asarray(image, np.float32), np.zeros(image.shape[:2], np.uint8), top)
    return part(sample, chance=Chance(np.random.default_rng(seed), None)).image


@pytest.fixture
def image():
    return np.random.default_rng(1).uniform(40, 180, (SIDE, SIDE, 3)).astype(np.float32)


class Fixed:
    """Chance that always draws the greatest value."""

    def uniform(self, low=0.0, high=1.0, size=None):
        assert np.all(np.asarray(low) <= high)
        return np.broadcast_to(np.asarray(high, float), size) if size else np.asarray(high, float)


def at_most(part, image, top=255.0):
    sample = Sample(np.asarray(image, np.float32), np.zeros(image.shape[:2], np.uint8), top)
    return part(sample, chance=Chance(Fixed(), None)).image


def test_colours_keep_the_mean_when_contrast_alone_changes(image):
    changed = run(ColourJitter(brightness=0.0, contrast=0.3, tint=0.0), image, seed=2)
    np.testing.assert_allclose(changed.mean(axis=(0, 1)), image.mean(axis=(0, 1)), rtol=1e-4)
    factor = changed.std() / image.std()
    assert factor != pytest.approx(1.0, abs=0.01)
    wanted = (image - image.mean(axis=(0, 1))) * factor + image.mean(axis=(0, 1))
    np.testing.assert_allclose(changed, wanted, rtol=1e-3)


def test_the_mean_of_colours_leaves_out_what_has_no_data(image):
    half = image.copy()
    half[:, SIDE // 2 :] = 0
    changed = run(ColourJitter(brightness=0.0, contrast=0.3, tint=0.0), half, seed=2)
    here = np.s_[:, : SIDE // 2]
    np.testing.assert_allclose(changed[here].mean(), image[here].mean(), rtol=1e-3)


def test_coarse_pixels_are_means_of_the_ground(image):
    """At twice the pixel, halfway between four coarse middles lies a known mixture of means."""
    coarse = image.reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean(axis=(1, 3))
    changed = at_most(GroundResolution(probability=1.0, coarsest=2.0), image)
    near, far = 0.75, 0.25  # weights of bilinear interpolation at a quarter of a coarse pixel
    wanted = near * (near * coarse[3, 5] + far * coarse[4, 5]) + far * (
        near * coarse[3, 6] + far * coarse[4, 6]
    )
    np.testing.assert_allclose(changed[7, 11], wanted, rtol=1e-3)


def test_a_factor_of_one_keeps_the_resolution(image):
    np.testing.assert_allclose(
        run(GroundResolution(probability=1.0, coarsest=1.0), image), image, rtol=1e-5
    )


@pytest.mark.parametrize("most", [1, 2, 9])
def test_lost_bands_are_their_means_and_one_stays(image, most):
    counts = set()
    for seed in range(12):
        changed = run(BandDropout(probability=1.0, most=most), image, seed)
        flat = np.ptp(changed, axis=(0, 1)) == 0
        counts.add(int(flat.sum()))
        np.testing.assert_allclose(changed.mean(axis=(0, 1)), image.mean(axis=(0, 1)), rtol=1e-4)
        assert np.array_equal(changed[..., ~flat], image[..., ~flat])
    assert counts == set(range(1, min(most, 2) + 1))


def test_the_only_band_stays(image):
    one = image[..., :1]
    assert np.array_equal(run(BandDropout(probability=1.0, most=3), one), one)


@pytest.mark.parametrize("value", [50.0, 200.0])
def test_noise_has_the_variance_of_light_and_reading(value):
    class Greatest(Fixed):
        normal = np.random.default_rng(0)

        def standard_normal(self, shape, dtype):
            return self.normal.standard_normal(shape, dtype=dtype)

    flat = np.full((256, 256, 1), value, np.float32)
    sample = Sample(flat, np.zeros((256, 256), np.uint8))
    part = Noise(probability=1.0, read=0.02, shot=0.03)
    noisy = part(sample, chance=Chance(Greatest(), None)).image
    wanted = 255 * np.sqrt(0.02**2 + 0.03**2 * value / 255)
    assert noisy.std() == pytest.approx(wanted, rel=0.02)
    assert noisy.mean() == pytest.approx(value, abs=0.1)


def test_blur_spreads_a_point_and_keeps_its_sum(image):
    point = np.full((33, 33, 1), 10, np.float32)
    point[16, 16] = 110
    blurred = at_most(Blur(probability=1.0, most_px=1.5), point) - 10
    assert blurred.sum() == pytest.approx(100, rel=1e-3)
    y, x = np.mgrid[:33, :33] - 16
    variance = (blurred[..., 0] * x**2).sum() / 100
    assert variance == pytest.approx(1.5**2, rel=0.1)
    assert (blurred[..., 0] * y).sum() == pytest.approx(0, abs=1e-2)


def test_haze_brightens_towards_the_air(image):
    air = 0.85 * 255
    for seed in range(5):
        hazy = run(Haze(probability=1.0, most=0.9, airlight=0.85), image, seed)
        lost = (hazy - image) / (air - image)
        assert lost.min() >= -1e-5
        assert lost.max() <= 0.9 + 1e-5
        np.testing.assert_allclose(lost, lost[..., :1].repeat(3, axis=-1), atol=1e-4)


def test_snow_whitens_some_of_the_ground(image):
    covers = []
    for seed in range(30):
        snowy = run(Snow(probability=1.0, most_cover=0.6, white=0.9, depth=0.8), image, seed)
        hidden = (snowy - image) / (0.9 * 255 - image)
        assert hidden.min() >= -1e-5
        assert hidden.max() <= 0.8 + 1e-5
        covers.append((hidden[..., 0] > 1e-4).mean())
    assert min(covers) < 0.15
    assert max(covers) < 0.75
    assert np.mean(covers) == pytest.approx(0.3, abs=0.08)


def test_shadow_darkens_all_bands_alike_in_one_strip(image):
    shares = []
    for seed in range(20):
        part = run(Shadow(probability=1.0, darkest=0.3, edge_px=2.0), image, seed) / image
        assert part.min() >= 0.3 - 1e-5
        assert part.max() <= 1 + 1e-5
        np.testing.assert_allclose(part, part[..., :1].repeat(3, axis=-1), atol=1e-4)
        shares.append((part[..., 0] < 1 - 1e-4).mean())
    assert max(shares) > 0.2
    assert np.mean(shares) < 0.7


def test_a_flat_shadow_has_a_straight_edge():
    part = (
        run(Shadow(probability=1.0, darkest=0.0, edge_px=1.0), np.full((64, 64, 1), 200), 3) / 200
    )
    inside = part[..., 0] < (part.min() + 1) / 2
    rows, columns = np.nonzero(inside)
    assert 0 < len(rows) < 64 * 64
    # A strip is convex: the middle of any two of its pixels is one of it, to a pixel.
    order = np.random.default_rng(0).integers(0, len(rows), (200, 2))
    y, x = (rows[order].mean(axis=1)).astype(int), (columns[order].mean(axis=1)).astype(int)
    around = np.array([[inside[a : a + 2, b : b + 2].any() for a, b in zip(y, x, strict=True)]])
    assert around.all()
