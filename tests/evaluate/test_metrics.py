"""The numbers together: rules for what is not there, slices of contexts, intervals."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.evaluate.detection.average_precision import AveragePrecision
from factory_core.evaluate.detection.matches import Matches
from factory_core.evaluate.metric import draw_weights
from factory_core.evaluate.metrics import Measured, edges_of, measure, slice_ranges
from factory_core.evaluate.pixels import PixelIou
from tests.evaluate.conftest import CLASSES, make_results, make_scene, square

METRICS = (Matches(), AveragePrecision(), PixelIou())
HOUSE = ("house", square(0, 0))
FOUND = ("house", 0.5, square(0, 0))


def measured(scenes, *, contexts=None, edges=(0.33, 0.67), min_labels=1, draws=20) -> Measured:
    if contexts is None:
        contexts = pd.DataFrame(index=[scene.scene_id for scene in scenes])
    return measure(
        METRICS,
        make_results(*scenes),
        weights=draw_weights(len(scenes), draws=draws, seed=0),
        contexts=contexts,
        context_edges=edges_of(contexts, shares=edges),
        min_labels=min_labels,
    )


@given(places=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 8)), min_size=1, unique=True))
def test_perfect_detections_give_one_everywhere(places):
    labels = [(CLASSES[x % 2], square(11 * x, 11 * y)) for x, y in places]
    scene = make_scene(labels, [(name, 0.7, shape) for name, shape in labels])
    metrics = measured([scene], draws=0).metrics
    for row in (metrics, *(row for row in metrics["by_class"].values() if row["labels"])):
        assert all(row[key] == 1.0 for key in ("f1", "precision", "recall", "ap50", "ap50_95"))


def test_a_class_without_anything_is_null():
    metrics = measured([make_scene([HOUSE], [FOUND])]).metrics
    road = metrics["by_class"]["road"]
    assert {road[key] for key in ("f1", "precision", "recall", "ap50", "pixel_iou")} == {None}


def test_there_is_never_a_nan_in_the_json():
    nothing = measured([make_scene([], [])])
    for part in (nothing.metrics, nothing.slices, nothing.intervals):
        assert "NaN" not in json.dumps(part, allow_nan=False)


def test_intervals_hold_the_value_and_say_what_they_rest_on():
    scenes = [
        make_scene([HOUSE], [FOUND] if scene_id in "abcdef" else [], scene_id=scene_id)
        for scene_id in "abcdefghij"
    ]
    found = measured(scenes, draws=400)
    recall = found.intervals["recall"]
    assert found.metrics["recall"] == recall["value"] == 0.6
    assert recall["samples"] == 10
    # Binomial of 10 scenes, 0.6 each: at most 2 in 1.2 % of the draws, 3 in 5.5 %; all in 0.6 %,
    # 9 or more in 4.6 %.
    assert (recall["low"], recall["high"]) == (0.3, 0.9)
    assert found.intervals["found"]["samples"] is None
    assert set(found.intervals) >= {"by_class/house/recall", "labels"}


def test_one_scene_has_no_interval_and_says_why():
    alone = measured([make_scene([HOUSE], [FOUND])]).intervals["f1"]
    assert (alone["value"], alone["low"], alone["high"]) == (1.0, None, None)
    assert "fewer than 6 scenes" in alone["note"]


def test_too_few_samples_give_null_and_the_count():
    found = measured([make_scene([HOUSE], [FOUND])], min_labels=2)
    assert (found.metrics["f1"], found.metrics["ap50"], found.metrics["found"]) == (None, None, 1)
    assert found.intervals["f1"]["note"] == "1 samples, fewer than 2"


def test_contexts_cut_the_scenes_at_the_edges():
    house = ("house", square(0, 0))
    scenes = [make_scene([house], [], scene_id=name) for name in "abcd"]
    contexts = pd.DataFrame({"snow": [0.0, 0.32, 0.33, 0.67]}, index=list("abcd"))
    low, middle, high = measured(scenes, contexts=contexts).slices["snow"].values()
    assert [low["scenes"], middle["scenes"], high["scenes"]] == [2, 1, 1]


@pytest.mark.parametrize(
    ("name", "values", "cuts"),
    [
        pytest.param("snow", [5.0, 6.0, 7.0], (0.33, 0.67), id="a share"),
        pytest.param("relief_m", [0.0, 30.0, 60.0, 90.0], (30.0, 60.0), id="metres"),
        pytest.param("off_nadir_deg", [12.0, 12.0, 12.0], (), id="all alike"),
        pytest.param("off_nadir_deg", [np.nan, np.nan], (), id="none known"),
        pytest.param("off_nadir_deg", [5.0, 5.0, 5.0, 20.0], (), id="nearly all alike"),
        pytest.param("off_nadir_deg", [5.0, 5.0, 20.0], (10.0,), id="two kinds"),
    ],
)
def test_contexts_in_a_unit_are_cut_where_their_scenes_are(name, values, cuts):
    found = edges_of(pd.DataFrame({name: values}), shares=(0.33, 0.67))
    assert found[name] == pytest.approx(cuts)


def test_contexts_in_a_unit_give_slices_that_hold_all_scenes():
    scenes = [make_scene([("house", square(0, 0))], [], scene_id=name) for name in "abc"]
    contexts = pd.DataFrame({"relief_m": [0.0, 40.0, 80.0], "off_nadir_deg": [9.0] * 3})
    contexts.index = list("abc")
    found = measured(scenes, contexts=contexts).slices
    assert {name: row["scenes"] for name, row in found["relief_m"].items()} == {
        "low": 1,
        "middle": 1,
        "high": 1,
    }
    assert "off_nadir_deg" not in found


def test_a_scene_without_a_value_is_in_no_slice():
    scenes = [make_scene([], [], scene_id=name) for name in "abc"]
    contexts = pd.DataFrame({"snow": [0.1, np.nan]}, index=["a", "b"])
    slices = measured(scenes, contexts=contexts, edges=(0.5,)).slices["snow"]
    assert {name: row["scenes"] for name, row in slices.items()} == {"low": 1}


def test_a_slice_with_too_few_labels_says_so_and_gives_no_ratio():
    scene = make_scene([("house", square(0, 0))], [("house", 0.5, square(0, 0))])
    contexts = pd.DataFrame({"snow": [0.1]}, index=["a"])
    row = measured([scene], contexts=contexts, min_labels=2).slices["snow"]["low"]
    assert row["note"] == "1 samples, fewer than 2"
    assert (row["f1"], row["precision"], row["recall"], row["found"]) == (None, None, None, 1)


def test_slices_have_intervals_too():
    scenes = [make_scene([HOUSE], [FOUND], scene_id=name) for name in "abcdefg"]
    contexts = pd.DataFrame({"snow": 6 * [0.1] + [0.9]}, index=list("abcdefg"))
    found = measured(scenes, contexts=contexts).intervals
    low, high = found["by_context/snow/low/f1"], found["by_context/snow/high/f1"]
    assert (low["low"], low["samples"]) == (1.0, 6)
    assert (high["low"], high["samples"]) == (None, 1)


def test_the_headline_comes_first():
    keys = list(measured([make_scene([], [])]).metrics)
    assert keys[:4] == ["f1", "precision", "recall", "ap50"]
    assert keys[-2:] == ["by_class", "by_level"]


def test_ranges_are_said_for_people():
    assert slice_ranges((0.5,)) == {"low": "0 to 0.5", "high": "0.5 to 1"}
    assert slice_ranges((30, 60), unit="m") == {
        "low": "below 30 m",
        "middle": "30 m to 60 m",
        "high": "from 60 m",
    }
    assert slice_ranges((12.5,), unit="°") == {"low": "below 12.5°", "high": "from 12.5°"}


@given(st.lists(st.sampled_from(CLASSES), max_size=8))
def test_classes_add_up_to_all(names):
    labels = [(name, square(12 * i, 0)) for i, name in enumerate(names)]
    metrics = measured([make_scene(labels, [])], draws=0).metrics
    assert sum(row["missed"] for row in metrics["by_class"].values()) == metrics["missed"]
