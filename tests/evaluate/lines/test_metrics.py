"""The metrics of lines on scenes: sums over them, classes, bootstrap weights."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from factory_core.evaluate.lines.apls import Apls
from factory_core.evaluate.lines.relaxed import RelaxedLines
from factory_core.evaluate.lines.topology import Topology, count_pairs
from factory_core.evaluate.results import Results
from factory_core.kernel.taxonomy import Taxonomy
from tests.evaluate.conftest import LEFT, TOP, make_scene

TAXONOMY = Taxonomy(("building/house", "road"), level=2)
APLS = Apls(snap_m=4, spacing_m=50, min_way_m=10, sources=500)
RELAXED = RelaxedLines(buffer_m=4)
TOPOLOGY = Topology(radius_m=8)


def line(*places):
    """Metres right of and below the corner of the scene."""
    return shapely.LineString([(LEFT + x, TOP - y) for x, y in places])


STREET, HALF = line((0, 50), (100, 50)), line((0, 50), (50, 50))
TEE = [line((0, 50), (50, 50)), line((50, 50), (100, 50)), line((50, 50), (50, 90))]


def scene(labels, detections, *, scene_id="a", said="road"):
    return make_scene(
        [("road", shape) for shape in labels],
        [(said, 0.9, shape) for shape in detections],
        scene_id=scene_id,
    )


def numbers(metric, *scenes, weights=None):
    results = Results(scenes=scenes, taxonomy=TAXONOMY)
    found = metric(results)(np.ones((1, len(scenes))) if weights is None else np.array(weights))
    return {name: number.values.tolist() for name, number in found.items()}


NAN = pytest.approx([np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([], [], {"relaxed_f1": NAN, "length_error": NAN}, id="nothing"),
        pytest.param(
            [STREET],
            [],
            {
                "relaxed_f1": [0],
                "relaxed_recall": [0],
                "relaxed_precision": NAN,
                "length_error": [-1],
            },
            id="missed",
        ),
        pytest.param(
            [],
            [STREET],
            {
                "relaxed_f1": [0],
                "relaxed_recall": NAN,
                "relaxed_precision": [0],
                "length_error": NAN,
            },
            id="false",
        ),
        # 50 m and the round end of the buffer, 4 m, are found of 100 m.
        pytest.param(
            [STREET],
            [HALF],
            {
                "relaxed_recall": [pytest.approx(0.54)],
                "relaxed_precision": [1],
                "relaxed_f1": [pytest.approx(2 * 0.54 / 1.54)],
                "relaxed_quality": [pytest.approx(50 / (50 + 46))],
                "length_error": [-0.5],
                "labelled_m": [100],
                "detected_m": [50],
            },
            id="half of it",
        ),
    ],
)
def test_relaxed_numbers_worked_by_hand(labels, detections, expected):
    found = numbers(RELAXED, scene(labels, detections))
    assert {name: found[name] for name in expected} == expected
    assert {name: found[f"by_class/road/{name}"] for name in expected} == expected


def test_a_line_of_another_class_is_wrong():
    found = numbers(RELAXED, scene([STREET], [STREET], said="house"))
    assert (found["relaxed_f1"], found["length_error"]) == ([0], [0])
    assert found["by_class/house/relaxed_precision"] == [0]
    assert found["by_class/road/relaxed_recall"] == [0]


def test_metres_are_pooled_and_ways_are_averaged():
    whole, half = scene([STREET], [STREET]), scene([STREET], [HALF], scene_id="b")
    false = scene([], [STREET], scene_id="c")
    none = scene([], [], scene_id="d")
    scenes = (whole, half, false, none)
    weights = [[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 2, 1, 1]]
    relaxed = numbers(RELAXED, *scenes, weights=weights)
    assert relaxed["relaxed_precision"] == pytest.approx([150 / 250, 1, np.nan, 0.5], nan_ok=True)
    apls = numbers(APLS, *scenes, weights=weights)
    # The harmonic mean of 1/3 and 1 is 1/2; what is false only is 0, what is nothing no scene.
    assert apls["apls"] == pytest.approx([1.5 / 3, 1, np.nan, 1 / 3], nan_ok=True)
    assert apls["apls_recall"] == pytest.approx([(1 + 1 / 3) / 2, 1, np.nan, 1 / 3], nan_ok=True)
    assert apls["apls_precision"] == pytest.approx([2 / 3, 1, np.nan, 2 / 3], nan_ok=True)


def test_places_on_labels_are_the_samples_of_apls():
    results = Results(scenes=[scene([STREET], [STREET])], taxonomy=TAXONOMY)
    assert APLS(results)(np.ones((1, 1)))["apls"].samples.tolist() == [3]


@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([STREET], [STREET], (np.nan, np.nan, 0, 0, 0), id="no junction"),
        pytest.param(TEE, TEE, (1, 1, 0, 0, 0), id="a T"),
        pytest.param(TEE, [STREET], (0, np.nan, 1, 0, 0), id="missed"),
        pytest.param([STREET], TEE, (np.nan, 0, 0, 1, 0), id="false"),
        pytest.param(
            TEE, [STREET, line((50, 52), (50, 90))], (0, np.nan, 1, 0, 1), id="a gap of 2 m"
        ),
        pytest.param(TEE, [], (0, np.nan, 1, 0, 1), id="nothing found"),
    ],
)
def test_topology_worked_by_hand(labels, detections, expected):
    found = numbers(TOPOLOGY, scene(labels, detections))
    names = ("junction_recall", "junction_precision", "junctions_missed", "junctions_false")
    got = [found[name][0] for name in (*names, "component_error")]
    assert got == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("one", "other", "pairs"),
    [
        pytest.param([], [(0, 0)], 0, id="nothing"),
        pytest.param([(0, 0)], [(8, 0)], 1, id="as far as may be"),
        pytest.param([(0, 0)], [(8.1, 0)], 0, id="too far"),
        pytest.param([(0, 0), (1, 0)], [(0, 0)], 1, id="each once"),
        # The nearest first would take (6, 0) for (5, 0) and leave (12, 0) alone.
        pytest.param([(5, 0), (12, 0)], [(0, 0), (6, 0)], 2, id="as many as can be"),
    ],
)
def test_pairs_of_junctions(one, other, pairs):
    one, other = (np.array(places, float).reshape(-1, 2) for places in (one, other))
    assert count_pairs(one, other, within_m=8) == pairs
    assert count_pairs(other, one, within_m=8) == pairs


def test_detections_that_are_the_labels_are_perfect():
    same = scene(TEE, TEE)
    for metric in (APLS, RELAXED, TOPOLOGY):
        found = numbers(metric, same)
        for name, quantity in metric.gives.items():
            if quantity.best is not None:
                assert found[name] == pytest.approx([quantity.best])
