import numpy as np
import pytest
import shapely
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold

from factory_core.postprocess.score_maps import bands
from factory_core.postprocess.score_maps.best_class import BestClass
from factory_core.postprocess.score_maps.fill_holes import FillHoles
from factory_core.postprocess.score_maps.gaussian import Gaussian
from factory_core.postprocess.score_maps.hysteresis_threshold import HysteresisThreshold
from factory_core.postprocess.score_maps.morphology import Closing, Opening
from factory_core.postprocess.score_maps.remove_specks import RemoveSpecks
from factory_core.postprocess.score_maps.temperature import Temperature
from factory_core.postprocess.score_maps.watershed import Watershed
from factory_core.postprocess.vectorisers.boxes import Boxes
from factory_core.postprocess.vectorisers.centre_lines import CentreLines
from factory_core.postprocess.vectorisers.points import Points
from factory_core.postprocess.vectorisers.polygonise import Polygonise
from tests.postprocess.made import score_map


@pytest.fixture(params=[5, 1000], ids=["strips", "whole"])
def _strips(request, monkeypatch):
    monkeypatch.setattr(bands, "STRIP_PX", request.param)


def noise(seed=0, shape=(40, 33)):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)
    return np.interp(smooth, (smooth.min(), smooth.max()), (0, 255)).astype(np.uint8)


@pytest.mark.usefixtures("_strips")
@pytest.mark.parametrize("seed", [1, 2])
def test_hysteresis_is_that_of_scikit_image(seed):
    band = noise(seed)
    found = HysteresisThreshold(130 / 255, 230 / 255)(score_map(band)).scores[0]
    kept = apply_hysteresis_threshold(band, 129.5, 229.5)
    np.testing.assert_array_equal(found, np.where(kept, band, 0))
    assert 0 < kept.sum() < (band >= 130).sum()


@pytest.mark.usefixtures("_strips")
def test_regions_are_those_of_scipy():
    mask = noise(1) > 120
    regions = bands.find_regions(lambda rows: mask[rows], height=len(mask))
    labels, count = ndimage.label(mask)
    assert regions.count == count
    found = np.concatenate([numbers for _, numbers in regions])
    pairs = set(zip(found.ravel().tolist(), labels.ravel().tolist(), strict=True))
    assert len(pairs) == count + 1
    assert sorted(regions.sizes_px()[1:]) == sorted(np.bincount(labels.ravel())[1:])


@pytest.mark.usefixtures("_strips")
def test_specks_go_and_the_limit_itself_stays():
    band = np.zeros((12, 12), np.uint8)
    band[1:3, 1:3] = 200  # 4 px of 4 m2
    band[4:11, 5] = 90  # 7 px, over the seams
    band[1, 8] = 255
    found = RemoveSpecks(16.0)(score_map(band, pixel_m=2.0)).scores[0]
    assert (found[1:3, 1:3] == 200).all()
    assert (found[4:11, 5] == 90).all()
    assert found[1, 8] == 0


@pytest.mark.usefixtures("_strips")
def test_holes_get_the_lowest_score_of_their_rim():
    band = np.zeros((14, 14), np.uint8)
    band[1:12, 1:12] = 200
    band[5, 3] = 150
    band[4:9, 4:6] = 0  # 10 px, beside 150, over the seams
    band[3:9, 8:11] = 0  # 18 px
    found = FillHoles(10.0)(score_map(band)).scores[0]
    assert (found[4:9, 4:6] == 150).all()
    assert (found[3:9, 8:11] == 0).all()
    assert (found[0] == 0).all()


def test_a_bay_is_no_hole():
    band = np.full((5, 5), 200, np.uint8)
    band[0, 2] = 0
    assert FillHoles(100.0)(score_map(band)).scores[0, 0, 2] == 0


def test_opening_parts_and_closing_joins():
    band = np.zeros((20, 40), np.uint8)
    band[4:16, 4:16] = band[4:16, 24:36] = 200
    band[9:11, 16:24] = 200  # a bridge of 2 px
    opened = Opening(2.0)(score_map(band))
    assert len(Polygonise()(opened)) == 2
    assert opened.scores[0, 10, 10] == 200
    cracked = band.copy()
    cracked[:, 9:11] = 0
    assert len(Polygonise()(score_map(cracked))) == 2
    assert len(Polygonise()(Closing(2.0)(score_map(cracked)))) == 1


@pytest.mark.parametrize("radius_m", [1, 2, 4])
@pytest.mark.parametrize("part", [Opening, Closing])
def test_opening_and_closing_have_no_seams_and_no_second_time(part, radius_m, monkeypatch):
    given = score_map(noise(4))
    whole = part(radius_m)(given)
    assert (whole.scores != given.scores).any()
    monkeypatch.setattr(bands, "STRIP_PX", 3)
    np.testing.assert_array_equal(part(radius_m)(given).scores, whole.scores)
    np.testing.assert_array_equal(part(radius_m)(whole).scores, whole.scores)


def test_a_radius_below_half_a_pixel_changes_nothing():
    band = noise()
    assert (Opening(0.4)(score_map(band)).scores[0] == band).all()


def test_gaussian_keeps_a_constant_and_spreads_a_peak():
    assert (Gaussian(2.0)(score_map(np.full((9, 9), 77))).scores == 77).all()
    peak = np.zeros((21, 21), np.uint8)
    peak[10, 10] = 255
    found = Gaussian(1.0)(score_map(peak)).scores[0].astype(int)
    assert found[10, 10] == round(255 / (2 * np.pi))
    assert found.sum() == pytest.approx(255, abs=10)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        pytest.param(1.0, [0, 64, 128, 191, 255], id="one changes nothing"),
        pytest.param(2.0, [0, 93, 128, 162, 255], id="less sure"),
        pytest.param(0.5, [0, 26, 128, 229, 255], id="surer"),
    ],
)
def test_temperature(temperature, expected):
    found = Temperature(temperature)(score_map([[0, 64, 128, 191, 255]])).scores.ravel()
    np.testing.assert_allclose(found.astype(int), expected, atol=1)


def test_best_class_is_one_a_pixel():
    both = np.array([[[9, 9, 0]], [[8, 9, 4]]])
    found = BestClass()(score_map(both, classes=("a", "b"))).scores
    assert found.tolist() == [[[9, 9, 0]], [[0, 0, 4]]]


def disks(*centres, radius=8, shape=(40, 60)):
    row, column = np.mgrid[: shape[0], : shape[1]]
    inside = [np.hypot(row - r, column - c) <= radius for r, c in centres]
    return np.where(np.any(inside, axis=0), 200, 0).astype(np.uint8)


def test_watershed_cuts_at_the_neck():
    band = disks((20, 14), (20, 28), (20, 42))
    assert len(Polygonise()(score_map(band))) == 1
    found = Polygonise()(Watershed(1.0)(score_map(band)))
    assert len(found) == 3
    centres = sorted(found.centroid.x - 500_000)
    np.testing.assert_allclose(centres, [14, 28.5, 43], atol=1)
    lost = (band > 0).sum() - found.area.sum()
    assert 0 < lost < 30  # two cuts of one pixel
    assert len(Polygonise()(Watershed(20.0)(score_map(band)))) == 1


def test_watershed_leaves_bars_and_specks_whole():
    band = np.zeros((20, 60), np.uint8)
    band[4:12, 2:56] = 200
    band[15, 3] = band[17, 8] = 90
    found = Watershed(1.0)(score_map(band)).scores[0]
    np.testing.assert_array_equal(found, band)


def test_boxes_lie_around_regions():
    band = np.zeros((9, 9), np.uint8)
    band[1, 1:4] = band[2, 3] = 100
    band[6:9, 7] = 200
    found = Boxes()(score_map(band, pixel_m=2.0))
    x, y = 500_000, 5_000_000
    assert found.geometry[0].equals(shapely.box(x + 2, y - 6, x + 8, y - 2))
    assert found.geometry[1].equals(shapely.box(x + 14, y - 18, x + 16, y - 12))
    assert found["score"].tolist() == pytest.approx([100 / 255, 200 / 255])


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("centre", (3.25, -1.5), id="gravity"),
        pytest.param("peak", (3.5, -1.5), id="peak"),
    ],
)
def test_points(at, expected):
    found = Points(at)(score_map([[0, 0, 0, 0, 0], [0, 0, 50, 150, 0]]))
    point = found.geometry[0]
    assert (point.x - 500_000, point.y - 5_000_000) == pytest.approx(expected)


def test_centre_lines_of_a_cross_meet_in_one_node():
    band = np.zeros((41, 41), np.uint8)
    band[19:22, 2:39] = band[2:39, 19:22] = 200
    found = CentreLines()(score_map(band))
    assert len(found) == 4
    middle = shapely.Point(500_020.5, 5_000_000 - 20.5)
    assert (found.distance(middle) == 0).all()
    assert found.length.tolist() == pytest.approx([17.5] * 4, abs=1.5)
    assert found["score"].tolist() == pytest.approx([200 / 255] * 4)


def test_centre_lines_of_a_ring_and_of_a_dot():
    row, column = np.mgrid[:40, :40]
    away = np.hypot(row - 20, column - 20)
    band = np.where((away > 10) & (away < 14), 255, 0).astype(np.uint8)
    band[1, 1] = 255
    found = CentreLines()(score_map(band))
    assert len(found) == 1
    assert found.geometry[0].is_ring
    # Steps along pixels are longer than the circle.
    assert 2 * np.pi * 12 <= found.length[0] <= 2 * np.pi * 12 * 1.15


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: HysteresisThreshold(0.6, 0.5), id="peak below the score"),
        pytest.param(lambda: HysteresisThreshold(-0.1, 0.5), id="hysteresis"),
        pytest.param(lambda: RemoveSpecks(-1), id="specks"),
        pytest.param(lambda: FillHoles(float("nan")), id="holes"),
        pytest.param(lambda: Opening(-1), id="opening"),
        pytest.param(lambda: Closing(-1), id="closing"),
        pytest.param(lambda: Gaussian(-1), id="gaussian"),
        pytest.param(lambda: Temperature(0), id="temperature"),
        pytest.param(lambda: Watershed(-1), id="watershed"),
    ],
)
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
