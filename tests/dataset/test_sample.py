"""Boxes of both kinds move and are cut as shapes on the plane do."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely import box
from shapely.affinity import affine_transform

from factory_core.dataset.sample import Boxes, OrientedBoxes, stack_boxes

SHAPE = (24, 32)
moves = st.one_of(
    st.sampled_from([Affine(-1, 0, 32, 0, 1, 0), Affine(0, 1, 0, -1, 0, 32), Affine.identity()]),
    st.builds(
        lambda angle, scale, x, y, mirror: (
            Affine.translation(x, y) @ Affine.rotation(angle) @ Affine.scale(scale, scale * mirror)
        ),
        st.floats(-180, 180),
        st.floats(0.5, 2),
        st.floats(-9, 9),
        st.floats(-9, 9),
        st.sampled_from([1, -1]),
    ),
)
oriented = st.builds(
    lambda x, y, length, share, angle: OrientedBoxes(
        np.array([[x, y, length, share * length, angle]], np.float32), np.array([1])
    ),
    st.floats(-4, 36),
    st.floats(-4, 28),
    st.floats(2, 20),
    st.floats(0.1, 0.95),
    st.floats(-np.pi / 2, np.pi / 2, exclude_max=True),
)


def shape_of(boxes):
    return shapely.polygons(boxes.corners_px())[0]


def moved(shape, by):
    return affine_transform(shape, (by.a, by.b, by.d, by.e, by.c, by.f))


def alike(one, two, tolerance=0.01):
    return one.symmetric_difference(two).area <= tolerance * max(one.area, two.area)


@given(boxes=oriented, by=moves)
def test_oriented_boxes_move_as_their_shapes_do(boxes, by):
    after = boxes.moved(by)
    assert alike(shape_of(after), moved(shape_of(boxes), by))
    assert after.xylwa[0, 2] >= after.xylwa[0, 3]
    assert -np.pi / 2 - 1e-6 <= after.xylwa[0, 4] < np.pi / 2 + 1e-6
    assert after.xylwa.dtype == np.float32


@given(boxes=oriented, by=moves)
def test_upright_boxes_are_those_around_the_moved_ones(boxes, by):
    left, low, right, high = shape_of(boxes).bounds
    upright = stack_boxes([(left, low, right, high)], [0]).moved(by)
    np.testing.assert_allclose(
        upright.xyxy_px[0], moved(box(left, low, right, high), by).bounds, atol=1e-3
    )


@given(boxes=oriented)
def test_corners_and_numbers_say_the_same(boxes):
    again = OrientedBoxes.from_corners(boxes.corners_px(), boxes.classes)
    assert alike(shape_of(again), shape_of(boxes))
    np.testing.assert_allclose(again.xylwa[0, :4], boxes.xylwa[0, :4], atol=1e-3)
    turn = abs(again.xylwa[0, 4] - boxes.xylwa[0, 4])
    assert min(turn, np.pi - turn) < 1e-3


@given(boxes=oriented, share=st.floats(0.05, 1))
def test_a_cut_box_holds_what_is_inside_and_keeps_its_direction(boxes, share):
    window = box(0, 0, SHAPE[1], SHAPE[0])
    whole = shape_of(boxes)
    inside = whole.intersection(window)
    cut = boxes.cut(SHAPE, min_share_inside=share)
    if abs(inside.area / whole.area - share) < 1e-3:
        return
    assert len(cut) == (inside.area / whole.area >= share)
    if len(cut) == 0:
        return
    around = shape_of(cut)
    assert inside.difference(around.buffer(0.01)).area < 1e-3
    assert around.difference(whole.buffer(0.01)).area < 1e-3
    turn = abs(cut.xylwa[0, 4] - boxes.xylwa[0, 4]) % (np.pi / 2)
    assert min(turn, np.pi / 2 - turn) < 1e-3
    if inside.area == whole.area:
        assert np.array_equal(cut.xylwa, boxes.xylwa)


@pytest.mark.parametrize(
    "none",
    [
        pytest.param(stack_boxes([], []), id="upright"),
        pytest.param(OrientedBoxes(np.zeros((0, 5), np.float32), np.zeros(0, int)), id="oriented"),
    ],
)
def test_no_box_stays_none(none):
    assert len(none.moved(Affine.rotation(30))) == 0
    assert len(none.cut(SHAPE, min_share_inside=0.5)) == 0


def test_a_mirrored_ship_leans_to_the_other_side():
    ship = OrientedBoxes(np.array([[10, 8, 12, 4, 0.5]], np.float32), np.array([0]))
    mirrored = ship.moved(Affine(-1, 0, 32, 0, 1, 0))
    np.testing.assert_allclose(mirrored.xylwa[0], [22, 8, 12, 4, -0.5], rtol=1e-6)


def test_boxes_are_cut_and_kept_by_their_share():
    boxes = Boxes(np.array([[-4, 0, 4, 8], [-6, 0, 2, 8], [4, 4, 8, 8]], np.float32), np.arange(3))
    cut = boxes.cut(SHAPE, min_share_inside=0.5)
    assert cut.xyxy_px.tolist() == [[0, 0, 4, 8], [4, 4, 8, 8]]
    assert cut.classes.tolist() == [0, 2]
