"""Which detection is which label, on cases worked by hand and on random boxes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from factory_core.evaluate.matching import NONE, compare, overlaps
from tests.evaluate.conftest import make_scene, square

TURNED = shapely.affinity.rotate(square(10, 10), 45)


@pytest.mark.parametrize(
    ("detections", "labels", "match", "iou"),
    [
        pytest.param([], [], "box", [], id="nothing"),
        pytest.param([square(0, 0)], [], "polygon", [], id="no labels"),
        pytest.param([], [square(0, 0)], "box", [], id="no detections"),
        pytest.param([square(0, 0)], [square(50, 0)], "box", [], id="apart"),
        pytest.param([square(0, 0)], [square(10, 0)], "box", [0.0], id="only touching"),
        pytest.param([square(0, 0)], [square(0, 0)], "box", [1.0], id="equal"),
        # Half a square in common: 50 / (100 + 100 - 50).
        pytest.param([square(0, 0)], [square(5, 0)], "box", [1 / 3], id="half, boxes"),
        pytest.param([square(0, 0)], [square(5, 0)], "polygon", [1 / 3], id="half, polygons"),
        # A square turned by 45 degrees in its envelope, which is twice as large.
        pytest.param([TURNED], [TURNED.envelope], "polygon", [0.5], id="turned, polygons"),
        pytest.param([TURNED], [TURNED.envelope], "box", [1.0], id="turned, boxes"),
        pytest.param([Point(0, 0)], [Point(0, 0)], "box", [0.0], id="without area"),
    ],
)
def test_overlap_is_intersection_over_union(detections, labels, match, iou):
    found = overlaps(_array(detections), _array(labels), match=match)
    assert found.iou.tolist() == pytest.approx(iou)


def _array(shapes):
    array = np.empty(len(shapes), object)
    array[:] = shapes
    return array


@pytest.mark.parametrize(
    ("labels", "detections", "label_of"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param(
            [("house", square(0, 0))],
            [("house", 0.4, square(0, 0)), ("house", 0.9, square(1, 0))],
            [0, NONE],
            id="the higher score takes the label, though it overlaps less",
        ),
        pytest.param(
            [("house", square(0, 0)), ("house", square(4, 0))],
            [("house", 0.9, square(3, 0)), ("house", 0.8, square(2, 0))],
            [1, 0],
            id="each takes the free label it overlaps most",
        ),
        pytest.param(
            [("road", square(0, 0))],
            [("house", 0.9, square(0, 0)), ("road", 0.5, square(1, 0))],
            [NONE, 0],
            id="only labels of its class",
        ),
        pytest.param(
            [("house", square(0, 0))],
            [("house", 0.9, square(5, 0)), ("house", 0.8, square(3, 0))],
            [NONE, 0],
            id="below the overlap it is false",
        ),
    ],
)
def test_matches_one_to_one(labels, detections, label_of):
    compared = compare(make_scene(labels, detections), match="box", iou=0.5)
    assert compared.label_of.tolist() == label_of


def test_the_limit_itself_is_right():
    scene = make_scene([("house", square(0, 0))], [("house", 0.9, square(5, 0))])
    assert compare(scene, match="box", iou=1 / 3).label_of.tolist() == [0]
    assert compare(scene, match="box", iou=0.334).label_of.tolist() == [NONE]


def test_equal_scores_are_taken_by_place_whatever_their_order():
    labels = [("house", square(0, 0))]
    detections = [("house", 0.5, square(2, 0)), ("house", 0.5, square(1, 0))]
    for order in (detections, detections[::-1]):
        scene = make_scene(labels, order)
        (right,) = scene.detections[compare(scene, match="box", iou=0.5).label_of != NONE].geometry
        assert right.equals(square(1, 0))


places = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 20))
many = st.lists(places, max_size=12)


@given(one=many, other=many, match=st.sampled_from(["box", "polygon"]))
def test_overlap_is_symmetric_and_a_share(one, other, match):
    a, b = (_array([square(*place) for place in side]) for side in (one, other))
    there, back = overlaps(a, b, match=match), overlaps(b, a, match=match)
    assert ((there.iou >= 0) & (there.iou <= 1 + 1e-9)).all()
    assert _table(there.detection, there.label, there.iou) == pytest.approx(
        _table(back.label, back.detection, back.iou)
    )


def _table(rows, columns, values):
    return dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), values, strict=True))


@given(places=st.lists(places, max_size=12, unique=True), match=st.sampled_from(["box", "polygon"]))
def test_perfect_detections_are_all_found(places, match):
    labels = [("house", square(*place)) for place in places]
    detections = [(label, 0.5, shape) for label, shape in labels]
    compared = compare(make_scene(labels, detections), match=match, iou=1.0)
    assert compared.found.all()
    assert sorted(compared.label_of) == list(range(len(places)))


@given(labels=many, detections=many)
def test_no_label_is_taken_twice(labels, detections):
    scene = make_scene(
        [("house", square(*place)) for place in labels],
        [("house", 0.5, square(*place)) for place in detections],
    )
    taken = [label for label in compare(scene, match="box", iou=0.3).label_of if label != NONE]
    assert len(taken) == len(set(taken))
