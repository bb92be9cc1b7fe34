"""Which detection is which label, on cases worked by hand and on random boxes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from factory_core.evaluate.matching import Overlaps, match_greedily
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results
from tests.evaluate.conftest import compare, make_results, make_scene, square

TURNED = shapely.affinity.rotate(square(10, 10), 45)


@pytest.mark.parametrize(
    ("detections", "labels", "match", "iou"),
    [
        pytest.param([], [], "box", [], id="nothing"),
        pytest.param([square(0, 0)], [], "polygon", [], id="no labels"),
        pytest.param([], [square(0, 0)], "box", [], id="no detections"),
        pytest.param([square(0, 0)], [square(50, 0)], "box", [], id="apart"),
        pytest.param([square(0, 0)], [square(10, 0)], "box", [], id="only touching"),
        pytest.param([square(0, 0)], [square(0, 0)], "box", [1.0], id="equal"),
        # Half a square in common: 50 / (100 + 100 - 50).
        pytest.param([square(0, 0)], [square(5, 0)], "box", [1 / 3], id="half, boxes"),
        pytest.param([square(0, 0)], [square(5, 0)], "polygon", [1 / 3], id="half, polygons"),
        # A square turned by 45 degrees in its envelope, which is twice as large.
        pytest.param([TURNED], [TURNED.envelope], "polygon", [0.5], id="turned, polygons"),
        pytest.param([TURNED], [TURNED.envelope], "box", [1.0], id="turned, boxes"),
        pytest.param([Point(0, 0)], [Point(0, 0)], "box", [], id="without area"),
    ],
)
def test_overlap_is_intersection_over_union(detections, labels, match, iou):
    found = _compared(detections, labels, match=match).overlaps
    assert found.iou.tolist() == pytest.approx(iou)


def _compared(detections: list, labels: list, *, match: str) -> Results:
    scene = make_scene([("house", s) for s in labels], [("house", 0.5, s) for s in detections])
    return make_results(scene, match=match)


def test_scenes_on_one_ground_do_not_meet():
    one = make_scene([("house", square(0, 0))], [], scene_id="a")
    other = make_scene([], [("house", 0.5, square(0, 0))], scene_id="b")
    assert not len(make_results(one, other).overlaps.iou)


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
    compared = compare(make_scene(labels, detections))
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
        (right,) = scene.detections[compare(scene).label_of != NONE].geometry
        assert right.equals(square(1, 0))


places = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 20))
many = st.lists(places, max_size=12)


@given(one=many, other=many, match=st.sampled_from(["box", "polygon"]))
def test_overlap_is_symmetric_and_a_share(one, other, match):
    a, b = ([square(*place) for place in side] for side in (one, other))
    there, back = (_compared(*pair, match=match).overlaps for pair in ((a, b), (b, a)))
    assert ((there.iou > 0) & (there.iou <= 1 + 1e-9)).all()
    assert sorted(there.iou) == pytest.approx(sorted(back.iou))


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


def by_turns(pairs: Overlaps, *, iou: float, detections: int, last: np.ndarray) -> list[int]:
    """As pycocotools goes: one detection after the other takes the best label that is free."""
    label_of, taken = [NONE] * detections, set()
    order = np.lexsort([-pairs.label, -pairs.iou, last, pairs.detection])
    for at in order[pairs.iou[order] >= iou]:
        detection, label = int(pairs.detection[at]), int(pairs.label[at])
        if label_of[detection] == NONE and label not in taken:
            label_of[detection] = label
            taken.add(label)
    return label_of


@given(
    seed=st.integers(0, 10_000),
    detections=st.integers(0, 15),
    labels=st.integers(1, 15),
    share=st.floats(0, 1),
)
def test_all_at_once_is_the_same_as_by_turns(seed, detections, labels, share):
    draw = np.random.default_rng(seed)
    detection, label = np.nonzero(draw.random((detections, labels)) < share)
    iou = np.round(draw.uniform(0.05, 1, len(label)), 1)  # with ties
    pairs, last = Overlaps(detection, label, iou), (draw.random(labels) < 0.4)[label]
    ious = (0.5, 0.05, 0.9)
    found = match_greedily(pairs, ious=ious, detections=detections, last=last)
    expected = [by_turns(pairs, iou=at, detections=detections, last=last) for at in ious]
    assert found.tolist() == expected


def test_many_boxes_on_one_spot_end():
    spot = [("house", square(0, 0))]
    scene = make_scene(spot * 50, [("house", 0.5, square(0, 0))] * 2000)
    assert compare(scene).found.all()
