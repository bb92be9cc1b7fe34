"""Views: turned, mirrored, and back to the pixel; what TTA gives, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.kernel.geo import oriented_corners
from factory_core.predict.model import load_ensemble
from factory_core.predict.views import View, Views
from tests.onnx_models import write_box_model, write_oriented_box_model, write_score_model

SIDE = 16
EIGHT = Views(flips=True, quarter_turns=True).all()
IDS = [f"{view.quarters} quarters{', mirrored' * view.mirrored}" for view in EIGHT]


def noise(bands, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (2, SIDE, SIDE, bands)).astype(np.uint8)


@pytest.mark.parametrize(
    ("views", "count"),
    [
        pytest.param(Views(), 1, id="plain"),
        pytest.param(Views(flips=True), 4, id="flips"),
        pytest.param(Views(quarter_turns=True), 4, id="quarter turns"),
        pytest.param(Views(flips=True, quarter_turns=True), 8, id="all"),
    ],
)
def test_each_view_comes_once_and_the_plain_one_first(views, count):
    image = np.arange(9).reshape(1, 3, 3, 1)
    seen = {view.of(image).tobytes() for view in views.all()}
    assert len(seen) == len(views.all()) == count
    assert views.all()[0] == View()


def test_flips_swap_sides_only():
    image = np.arange(4).reshape(1, 2, 2, 1)
    seen = [view.of(image)[0, :, :, 0].tolist() for view in Views(flips=True).all()]
    expected = [[[0, 1], [2, 3]], [[1, 0], [3, 2]], [[3, 2], [1, 0]], [[2, 3], [0, 1]]]
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("view", EIGHT, ids=IDS)
def test_maps_come_back_to_the_pixel(view):
    image = noise(3)
    np.testing.assert_array_equal(view.maps_back(view.of(image)), image)


@pytest.mark.parametrize("view", EIGHT, ids=IDS)
@given(row=st.integers(0, SIDE - 3), column=st.integers(0, SIDE - 6))
def test_upright_boxes_come_back_around_their_pixels(view, row, column):
    image = np.zeros((1, SIDE, SIDE, 1), np.uint8)
    image[0, row : row + 2, column : column + 5] = 1
    rows, columns = np.nonzero(view.of(image)[0, :, :, 0])
    found = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    back = view.boxes_back(found, side_px=SIDE)
    np.testing.assert_array_equal(back, [[column, row, column + 5, row + 2]])


@pytest.mark.parametrize("view", EIGHT, ids=IDS)
@given(angle=st.floats(-1.5, 1.5), x=st.floats(2, 14), y=st.floats(2, 14))
def test_oriented_boxes_come_back_with_their_direction(view, angle, x, y):
    """Corners of the box are turned as points of the image are, by a rule of their own."""
    box = np.array([[x, y, 5.0, 2.0, angle]])
    seen = _corners_in_view(oriented_corners(box), view)
    edge = seen[0, 1] - seen[0, 0]
    centre = seen[0].mean(axis=0)
    found = np.array([[*centre, 5.0, 2.0, np.arctan2(edge[1], edge[0])]])
    back = oriented_corners(view.boxes_back(found, side_px=SIDE))[0]
    expected = oriented_corners(box)[0]
    order = [np.lexsort(np.round(corners, 6).T) for corners in (back, expected)]
    np.testing.assert_allclose(back[order[0]], expected[order[1]], atol=1e-9)


def _corners_in_view(corners, view):
    x, y = corners[..., 0], corners[..., 1]
    for _ in range(view.quarters):
        x, y = y, SIDE - x
    return np.stack([SIDE - x if view.mirrored else x, y], axis=-1)


def test_a_model_that_looks_at_pixels_alone_gives_the_same_bytes_with_all_views(tmp_path):
    file = write_score_model(tmp_path / "0/model.onnx", classes=("tree", "house"), scale=0.9 / 255)
    images = noise(3)
    plain = load_ensemble([file]).score_maps(images)
    assert load_ensemble([file], views=EIGHT).score_maps(images).tobytes() == plain.tobytes()


def test_scores_of_a_model_that_leans_left_are_averaged_by_hand(tmp_path):
    """It adds what it sees in column 0 of its window: mirrored, that is the last column."""
    file = write_score_model(tmp_path / "0/model.onnx", lean=True)
    images = noise(3)
    red = images[..., :1].astype(float) / 255
    left, right = red[:, :, :1] / 2, red[:, :, -1:] / 2
    expected = red / 2 + (left + right) / 2  # of each row: half of the views see the other side
    found = load_ensemble([file], views=Views(flips=True).all()).score_maps(images)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    top, bottom = red[:, :1] / 2, red[:, -1:] / 2
    found = load_ensemble([file], views=EIGHT).score_maps(images)
    np.testing.assert_allclose(found, red / 2 + (left + right + top + bottom) / 4, atol=1e-6)


@pytest.mark.parametrize("write", [write_box_model, write_oriented_box_model])
def test_boxes_of_all_views_lie_on_each_other(tmp_path, write):
    more = {"angle": 0.0, "size_px": (4.0, 4.0)} if write is write_oriented_box_model else {}
    file = write(tmp_path / "0/model.onnx", **more)
    image = np.random.default_rng(3).permutation(256).astype(np.uint8).reshape(1, SIDE, SIDE, 1)
    plain, scores, _ = load_ensemble([file]).boxes(image)
    ensemble = load_ensemble([file], views=EIGHT)
    boxes, all_scores, classes = ensemble.boxes(image)
    assert ensemble.voters == 8
    assert boxes.shape[:2] == all_scores.shape == classes.shape == (1, 8 * 12)
    for view in range(8):
        theirs = slice(12 * view, 12 * (view + 1))
        np.testing.assert_allclose(boxes[0, theirs, :4], plain[0, :, :4], atol=1e-5)
        np.testing.assert_array_equal(all_scores[0, theirs], scores[0])
