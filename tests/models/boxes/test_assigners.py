"""Assigners do what their papers say, on made-up windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import load_part
from factory_core.models.boxes.anchors import anchors
from factory_core.models.boxes.assigner import NO_OPINION, NOTHING
from factory_core.models.boxes.geometry import ious, sides_from
from tests.models.boxes import reference

SHAPES = ((4.0, 4.0, 0.0), (5.6, 2.8, 0.0), (2.8, 5.6, 0.0))
POINTS = anchors((64, 96), strides_px=(8, 16, 32), shapes=((8.0, 8.0, 0.0),))
NINE = anchors((64, 96), strides_px=(8, 16), shapes=SHAPES)


def build(name, **fields):
    return config.build(load_part("assigner", name) | fields, where="assigner")


@st.composite
def some_labels(draw):
    """Labels `(n, 5)` in a window of 64 x 96, upright or turned."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    count, turned = draw(st.integers(1, 6)), draw(st.booleans())
    return labels(generator, count, shape=(64, 96), sides=(4, 60), turned=turned)


def labels(generator, count, *, shape, sides, turned):
    long, short = -np.sort(-generator.uniform(*sides, (count, 2)), axis=1).T
    angle = generator.uniform(-np.pi / 2, np.pi / 2, count) * turned
    centre = generator.uniform(0, [shape[1], shape[0]], (count, 2))
    return np.column_stack([centre, long, short, angle])


@settings(max_examples=40)
@given(xylwa=some_labels(), other=some_labels())
def test_overlaps_are_those_of_polygons(xylwa, other):
    count = min(len(xylwa), len(other))
    one, two = xylwa[:count], other[:count]
    two[:, :2] = one[:, :2] + (two[:, :2] - one[:, :2]) / 8
    expected = np.diag(reference.iou_table(one, two))
    np.testing.assert_allclose(ious(one, two), expected, atol=1e-6)
    np.testing.assert_allclose(ious(one, one), 1, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 0.3, -1.2, np.pi / 4])
def test_boxes_without_a_common_point_share_nothing(angle):
    one = np.array([[10.0, 10, 8, 4, angle]])
    assert ious(one, np.array([[30.0, 10, 8, 4, angle]])) == 0
    assert ious(one, one * [1, 1, 0, 0, 1]) == 0


@settings(max_examples=40)
@given(xylwa=some_labels())
def test_centre_sampling_is_that_of_the_paper(xylwa):
    part = build("centre_sampling", range_strides=2.0)
    expected = reference.centre_sampling(xylwa, POINTS, radius_strides=1.5, range_strides=2.0)
    assert part(xylwa, POINTS).tolist() == expected.tolist()


@settings(max_examples=40)
@given(xylwa=some_labels(), nearest=st.sampled_from([2, 9, 12]))
def test_atss_is_that_of_the_paper(xylwa, nearest):
    expected = reference.atss(xylwa, POINTS, nearest=nearest)
    assert build("atss", nearest=nearest)(xylwa, POINTS).tolist() == expected.tolist()


def test_atss_leaves_no_object_out_that_is_smaller_than_all_anchors():
    """Every near anchor holds the whole object: none is better than their mean by a deviation."""
    found = build("atss")(np.array([[32.0, 32, 10, 10, 0]]), POINTS)
    assert (found == 0).any()


@settings(max_examples=40)
@given(xylwa=some_labels())
def test_max_iou_is_that_of_the_paper_and_leaves_no_object_out(xylwa):
    found = build("max_iou")(xylwa, NINE)
    expected, table = reference.max_iou(xylwa, NINE, positive=0.5, negative=0.4)
    best = np.isclose(table, table.max(axis=0)).any(axis=1)
    assert found[~best].tolist() == expected[~best].tolist()
    for overlaps in table.T:
        rows = np.flatnonzero(np.isclose(overlaps, overlaps.max()))
        assert (found[rows] >= 0).any()


@pytest.mark.parametrize("name", ["centre_sampling", "atss", "max_iou"])
def test_no_label_leaves_nothing_to_learn(name):
    assert set(build(name)(np.zeros((0, 5)), NINE)) == {NOTHING}


def test_close_to_an_anchor_there_is_no_opinion():
    label = NINE.xylwa[[30]] * [1, 1, 1, 1.0, 1] + [3, 3, 0, 0, 0]
    found = build("max_iou", positive=0.99, negative=0.5)(label, NINE)
    assert (found == NO_OPINION).any()
    assert (found >= 0).sum() == 1


def test_points_know_their_sides():
    box = np.array([[10.0, 10, 8, 4, 0], [10.0, 10, 8, 4, np.pi / 2]])
    sides = sides_from(np.array([[7.0, 9.0], [11.0, 7.0]]), box)
    np.testing.assert_allclose(sides, [[1, 1, 7, 3], [1, 1, 7, 3]], atol=1e-9)


def test_anchors_stand_on_the_middles_of_their_cells():
    assert NINE.xylwa[:4, :2].tolist() == [[4, 4]] * 3 + [[12, 4]]
    assert NINE.xylwa[-1].tolist() == [88, 56, 16 * 2.8, 16 * 5.6, 0]
    assert len(NINE.xylwa) == 3 * (8 * 12 + 4 * 6) == len(NINE.level_of) == len(NINE.strides_px)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("centre_sampling", "radius_strides", 0.0),
        ("centre_sampling", "range_strides", -1.0),
        ("atss", "nearest", 1),
        ("max_iou", "negative", 0.6),
        ("max_iou", "positive", 1.5),
    ],
)
def test_refuses_what_cannot_be(name, field, value):
    with pytest.raises(ConfigError, match=f"{field}|at least 2"):
        build(name, **{field: value})
