"""The metrics of lines on scenes: sums over them, classes, bootstrap weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely

from factory_core.evaluate.comparison import comparisons
from factory_core.evaluate.lines.apls import Apls
from factory_core.evaluate.lines.curve import relaxed_rows
from factory_core.evaluate.lines.relaxed import RelaxedLines
from factory_core.evaluate.lines.topology import Topology, count_pairs
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.taxonomy import Taxonomy
from tests.evaluate.conftest import LEFT, TOP, make_scene, square

TAXONOMY = Taxonomy(("building/house", "road"), level=2)
APLS = Apls(snap_m=4, spacing_m=50, min_way_m=10, sources=500)
RELAXED = RelaxedLines()
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


@pytest.mark.parametrize(
    ("labels", "detections", "found", "right"),
    [
        pytest.param([], [], [], [], id="nothing"),
        pytest.param([STREET], [], [False], [], id="missed"),
        pytest.param([], [STREET], [], [False], id="false"),
        pytest.param(TEE, [STREET], [True, True, False], [True], id="a T without its foot"),
        # 50 m and the round end of the buffer are more than half of the street.
        pytest.param([STREET], [HALF], [True], [True], id="half of it"),
        pytest.param([STREET], [line((60, 50), (100, 50))], [False], [True], id="less than half"),
        pytest.param([HALF], [STREET], [True], [True], id="twice as long"),
        pytest.param([STREET], [line((0, 60), (100, 60))], [False], [False], id="beside it"),
    ],
)
def test_lines_are_judged_by_most_of_their_length(labels, detections, found, right):
    (judged,) = comparisons(Results([scene(labels, detections)], taxonomy=TAXONOMY))
    in_order = [shape.length for shape in judged.scene.labels.geometry]
    by_length = sorted(zip(in_order, judged.found.tolist(), strict=True), reverse=True)
    assert sorted(is_found for _, is_found in by_length) == sorted(found)
    assert (judged.label_of != NONE).tolist() == right


def test_a_line_of_another_class_is_judged_false():
    (judged,) = comparisons(Results([scene([STREET], [STREET], said="house")], taxonomy=TAXONOMY))
    assert (judged.found.tolist(), judged.label_of.tolist()) == ([False], [NONE])
    assert judged.any_label_of.tolist() == [0]


def test_the_curve_falls_with_the_score():
    sure, unsure = ("road", 0.9, HALF), ("road", 0.2, line((0, 20), (50, 20)))
    results = Results([make_scene([("road", STREET)], [sure, unsure])], taxonomy=TAXONOMY)
    of_road = [row for row in relaxed_rows(results) if row["label"] == "road"]
    # The first of two lines is right; it and the end of its buffer are 54 of 100 m.
    assert (of_road[0]["recall"], of_road[0]["precision"]) == (pytest.approx(0.54), 1)
    assert (of_road[-1]["recall"], of_road[-1]["precision"]) == (pytest.approx(0.54), 0.5)
    assert [row for row in relaxed_rows(results) if row["label"] == "house"] == [
        {"recall": 0, "precision": 0, "label": "house"}
    ]


def test_the_stage_measures_and_draws_lines(world):
    tasks = {
        "apls": {"_target_": "factory_core.evaluate.lines.apls.Apls"}
        | {"snap_m": 4.0, "spacing_m": 50.0, "min_way_m": 10.0, "sources": 500},
        "relaxed_lines": {"_target_": "factory_core.evaluate.lines.relaxed.RelaxedLines"},
    }
    here = world(metrics={"tasks": tasks, "order": list(tasks)}).add(
        labels={"a": [("road", STREET)], "b": []},
        detections={"a": [("road", 0.9, HALF)], "b": []},
    )
    metrics = here.run()
    assert metrics["relaxed_recall"] == pytest.approx(0.54)
    assert metrics["apls"] == 0.5
    out = here.paths["out"]
    assert (out / "pictures/a.png").is_file()
    assert json.loads((out / "plots/confusion.json").read_text()) == []
    assert "Relaxed F1" in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("labels", "detections", "message"),
    [
        pytest.param([("road", square(0, 0))], [], "the labels are polygon", id="labels"),
        pytest.param([], [("road", 0.5, square(0, 0))], "the detections are polygon", id="found"),
    ],
)
def test_polygons_are_refused(world, labels, detections, message):
    tasks = {"relaxed_lines": {"_target_": "factory_core.evaluate.lines.relaxed.RelaxedLines"}}
    here = world(metrics={"tasks": tasks, "order": ["relaxed_lines"]}).add(
        labels={"a": labels}, detections={"a": detections}
    )
    with pytest.raises(ConfigError, match=message):
        here.run()
