"""What an operator asks for: false alarms, counts, scores that can be believed."""

from __future__ import annotations

import numpy as np
import pytest
from hotcoco import metrics as hotcoco

from factory_core.evaluate.detection.calibration import Calibration
from factory_core.evaluate.detection.count_error import CountError
from factory_core.evaluate.detection.false_alarms import FalseAlarms
from factory_core.evaluate.objects import NONE
from tests.evaluate.conftest import make_results, make_scene, square
from tests.evaluate.detection.made import numbers, random_scenes

HOUSE = ("house", square(0, 0))


def test_false_alarms_are_by_ground_whether_labelled_or_not():
    """A scene is 100 m by 120 m, 0.012 km²; three false detections on two scenes."""
    scenes = [
        make_scene([HOUSE], [("house", 0.9, square(0, 0)), ("house", 0.9, square(50, 0))]),
        make_scene([], [("house", 0.9, square(0, 0)), ("road", 0.1, square(0, 0))], scene_id="b"),
    ]
    results = make_results(*scenes)
    found = numbers(FalseAlarms(), results)
    assert found["false_alarms_per_km2"] == pytest.approx(3 / 0.024)
    assert found["by_class/road/false_alarms_per_km2"] == pytest.approx(1 / 0.024)
    # Drawn twice, the empty scene brings its ground twice.
    again = numbers(FalseAlarms(), results, weights=[1, 2])
    assert again["false_alarms_per_km2"] == pytest.approx(5 / 0.036)


def test_counts_of_a_scene_may_cancel_out_but_not_over_scenes():
    """Two houses too many on one scene, two too few on the other; a road for a house on both."""
    many = [("house", 0.5, square(12 * at, 0)) for at in range(4)]
    labels = [("house", square(12 * at, 50)) for at in range(2)]
    found = numbers(
        CountError(),
        make_results(make_scene(labels, many), make_scene(labels, [], scene_id="b")),
    )
    assert (found["count_error"], found["count_bias"]) == (2.0, 0.0)
    assert found["count_error_share"] == 4 / 4
    assert found["by_class/house/count_error"] == 2.0
    assert found["by_class/road/count_error"] == 0.0
    assert np.isnan(found["by_class/road/count_error_share"])


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_equals_hotcoco(bins):
    results = make_results(*random_scenes(seed=7, count=200, ties=False))
    expected, _ = hotcoco.calibration_error(
        results.detections.score, results.matched(1, 0.5)[0] != NONE, n_bins=bins
    )
    found = numbers(Calibration(bins=bins), results)["calibration_error"]
    assert found == pytest.approx(expected, abs=1e-9)


def test_scores_that_are_shares_are_calibrated():
    """Of four detections with a score of 0.75 three are right."""
    labels = [("house", square(12 * at, 0)) for at in range(3)]
    detections = [("house", 0.75, square(12 * at, 0)) for at in range(4)]
    results = make_results(make_scene(labels, detections))
    assert numbers(Calibration(), results)["calibration_error"] == 0.0


def test_a_score_of_one_is_in_the_last_bin():
    results = make_results(make_scene([], [("house", 1.0, square(0, 0))]))
    assert numbers(Calibration(), results)["calibration_error"] == 1.0
