"""Precision, recall and F1, and how they are pooled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.evaluate.detection.matches import Matches, ratios
from factory_core.kernel.taxonomy import Taxonomy
from tests.evaluate.conftest import make_results, make_scene, square
from tests.evaluate.detection.made import numbers

NO = np.nan


@pytest.mark.parametrize(
    ("counts", "precision", "recall", "f1"),
    [
        pytest.param((0, 0, 0), NO, NO, NO, id="nothing"),
        pytest.param((0, 2, 0), NO, 0.0, 0.0, id="no detections"),
        pytest.param((0, 0, 2), 0.0, NO, 0.0, id="no labels"),
        pytest.param((3, 0, 0), 1.0, 1.0, 1.0, id="perfect"),
        pytest.param((2, 2, 1), 2 / 3, 1 / 2, 4 / 7, id="by hand"),
    ],
)
def test_ratios(counts, precision, recall, f1):
    found = {name: one.values[0] for name, one in ratios(np.array([counts], float))}
    expected = (precision, recall, f1)
    assert [found[name] for name in ("precision", "recall", "f1")] == pytest.approx(
        expected, nan_ok=True
    )


some = st.integers(0, 50)


@given(found=st.integers(1, 50), missed=some, false=some)
def test_f1_is_the_harmonic_mean(found, missed, false):
    by_name = {
        name: one.values[0] for name, one in ratios(np.array([[found, missed, false]], float))
    }
    harmonic = 2 / (1 / by_name["precision"] + 1 / by_name["recall"])
    assert by_name["f1"] == pytest.approx(harmonic)


def test_classes_and_levels():
    taxonomy = Taxonomy(("building/house", "building/hut", "road"), level=2)
    labels = [("house", square(0, 0)), ("hut", square(20, 0)), ("building", square(40, 0))]
    detections = [("hut", 0.9, square(0, 0)), ("building", 0.9, square(40, 0))]
    found = numbers(Matches(), make_results(make_scene(labels, detections), taxonomy=taxonomy))
    # What is called a building is no answer at level 2, and neither right nor wrong there.
    assert (found["labels"], found["detections"], found["found"]) == (2, 1, 0)
    assert (found["by_class/house/missed"], found["by_class/hut/false"]) == (1, 1)
    assert (found["by_level/1/labels"], found["by_level/1/found"]) == (3, 2)
