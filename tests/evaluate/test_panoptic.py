"""Panoptic quality worked by hand from its definition."""

from __future__ import annotations

import numpy as np
import pytest

from factory_core.evaluate.segmentation.panoptic import PanopticQuality
from tests.evaluate.conftest import make_results, make_scene, square


def numbers(labels, detections, *, match="polygon"):
    scene = make_scene(
        [("house", square(*at)) for at in labels],
        [("house", 0.5, square(*at)) for at in detections],
    )
    found = PanopticQuality()(make_results(scene, match=match))(np.ones((1, 1)))
    return [float(found[name].values[0]) for name in ("pq", "sq", "rq")]


@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([], [], [np.nan] * 3, id="nothing"),
        pytest.param([(0, 0)], [], [0, np.nan, 0], id="missed"),
        pytest.param([], [(0, 0)], [0, np.nan, 0], id="false"),
        pytest.param([(0, 0)], [(0, 0)], [1, 1, 1], id="the same"),
        # Moved by 2 of 10 m: 80 of 120 m2 are common.
        pytest.param([(0, 0)], [(2, 0)], [2 / 3, 2 / 3, 1], id="moved"),
        # A third is no pair: one missed and one false.
        pytest.param([(0, 0)], [(5, 0)], [0, np.nan, 0], id="too far"),
        # Overlaps 1 and 2/3 of two pairs; one missed, one false: 5/3 over 2 + 1/2 + 1/2.
        pytest.param(
            [(0, 0), (30, 0), (60, 0)],
            [(0, 0), (32, 0), (90, 0)],
            [5 / 9, 5 / 6, 2 / 3],
            id="a bit of all",
        ),
    ],
)
def test_the_definition(labels, detections, expected):
    assert numbers(labels, detections) == pytest.approx(expected, nan_ok=True)


def test_exactly_half_is_no_pair():
    """5 of 10 m wide within the label: the overlap is exactly 1/2."""
    label = square(0, 0)
    half = label.intersection(square(-5, 0))
    scene = make_scene([("house", label)], [("house", 0.5, half)])
    found = PanopticQuality()(make_results(scene, match="polygon"))(np.ones((1, 1)))
    assert found["pq"].values.tolist() == [0]


def test_polygons_count_where_boxes_are_matched():
    assert numbers([(0, 0)], [(2, 0)], match="box") == pytest.approx([2 / 3, 2 / 3, 1])


def test_the_mean_is_over_the_classes_that_are_there():
    scene = make_scene(
        [("house", square(0, 0)), ("road", square(50, 0))], [("house", 0.5, square(0, 0))]
    )
    found = PanopticQuality()(make_results(scene, match="polygon"))(np.ones((1, 1)))
    assert found["pq"].values.tolist() == [0.5]
    assert found["by_class/road/pq"].values.tolist() == [0]
    assert found["sq"].values.tolist() == [1]
