"""The numbers together: rules for what is not there, slices of contexts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.evaluate.counts import Counts, count
from factory_core.evaluate.matching import compare
from factory_core.evaluate.metrics import edges_of, measure, slice_ranges
from tests.evaluate.conftest import CLASSES, make_scene, square


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1"),
    [
        pytest.param(Counts(), None, None, None, id="nothing"),
        pytest.param(Counts(missed=2), None, 0.0, 0.0, id="no detections"),
        pytest.param(Counts(false=2), 0.0, None, 0.0, id="no labels"),
        pytest.param(Counts(found=3), 1.0, 1.0, 1.0, id="perfect"),
        pytest.param(Counts(found=2, missed=2, false=1), 2 / 3, 1 / 2, 4 / 7, id="by hand"),
    ],
)
def test_ratios(counts, precision, recall, f1):
    assert (counts.precision, counts.recall, counts.f1) == (precision, recall, f1)


numbers = st.integers(0, 50)


@given(found=numbers, missed=numbers, false=numbers)
def test_f1_is_symmetric_in_missed_and_false(found, missed, false):
    assert Counts(found, missed, false).f1 == Counts(found, false, missed).f1


@given(found=st.integers(1, 50), missed=numbers, false=numbers)
def test_f1_is_the_harmonic_mean(found, missed, false):
    counts = Counts(found, missed, false)
    assert counts.f1 == pytest.approx(2 / (1 / counts.precision + 1 / counts.recall))


def measured(scenes, *, contexts=None, edges=(0.33, 0.67), min_labels=1, pixels=None):
    comparisons = [compare(scene, match="box", iou=0.5) for scene in scenes]
    if contexts is None:
        contexts = pd.DataFrame(index=[scene.scene_id for scene in scenes])
    return measure(
        comparisons,
        classes=CLASSES,
        match="box",
        iou=0.5,
        contexts=contexts,
        context_edges=edges_of(contexts, shares=edges),
        min_labels=min_labels,
        pixels=pixels,
    )


@given(places=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 8)), min_size=1, unique=True))
def test_perfect_detections_give_one_everywhere(places):
    labels = [(CLASSES[x % 2], square(11 * x, 11 * y)) for x, y in places]
    scene = make_scene(labels, [(name, 0.7, shape) for name, shape in labels])
    metrics = measured([scene])
    for row in (metrics, *(row for row in metrics["by_class"].values() if row["labels"])):
        assert all(row[key] == 1.0 for key in ("f1", "precision", "recall", "ap50", "ap50_95"))


def test_a_class_without_anything_is_null_and_not_in_the_mean():
    scene = make_scene([("house", square(0, 0))], [("house", 0.5, square(0, 0))])
    metrics = measured([scene], pixels=np.array([[100, 100], [0, 0]]))
    assert metrics["ap50"] == metrics["pixel_iou"] == 1.0
    road = metrics["by_class"]["road"]
    assert {road[key] for key in ("f1", "precision", "recall", "ap50", "pixel_iou")} == {None}


def test_there_is_never_a_nan_in_the_json():
    metrics = measured([make_scene([], [])], pixels=np.zeros((2, 2), int))
    assert "NaN" not in json.dumps(metrics, allow_nan=False)


def test_contexts_cut_the_scenes_at_the_edges():
    house = ("house", square(0, 0))
    scenes = [make_scene([house], [], scene_id=name) for name in "abcd"]
    contexts = pd.DataFrame({"snow": [0.0, 0.32, 0.33, 0.67]}, index=list("abcd"))
    low, middle, high = measured(scenes, contexts=contexts)["by_context"]["snow"].values()
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
    found = measured(scenes, contexts=contexts)["by_context"]
    assert {name: row["scenes"] for name, row in found["relief_m"].items()} == {
        "low": 1,
        "middle": 1,
        "high": 1,
    }
    assert "off_nadir_deg" not in found


def test_a_scene_without_a_value_is_in_no_slice():
    scenes = [make_scene([], [], scene_id=name) for name in "abc"]
    contexts = pd.DataFrame({"snow": [0.1, np.nan]}, index=["a", "b"])
    slices = measured(scenes, contexts=contexts, edges=(0.5,))["by_context"]["snow"]
    assert {name: row["scenes"] for name, row in slices.items()} == {"low": 1}


def test_a_slice_with_too_few_labels_says_so_and_gives_no_ratio():
    scene = make_scene([("house", square(0, 0))], [("house", 0.5, square(0, 0))])
    contexts = pd.DataFrame({"snow": [0.1]}, index=["a"])
    row = measured([scene], contexts=contexts, min_labels=2)["by_context"]["snow"]["low"]
    assert row["note"] == "fewer than 2 labels"
    assert (row["f1"], row["precision"], row["recall"], row["found"]) == (None, None, None, 1)


def test_the_headline_comes_first():
    keys = list(measured([make_scene([], [])], pixels=np.zeros((2, 2), int)))
    assert keys[:6] == ["f1", "precision", "recall", "ap50", "ap50_95", "pixel_iou"]
    assert keys[-3:] == ["by_class", "by_level", "by_context"]


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
    compared = compare(make_scene(labels, []), match="box", iou=0.5)
    assert sum(count([compared], label=name).missed for name in CLASSES) == count([compared]).missed
