"""Scores of challenges, on cases worked by hand from their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.affinity import rotate

from factory_core.evaluate.detection.spacenet import SpaceNetF1
from factory_core.evaluate.detection.xview import XViewMap
from tests.evaluate.conftest import make_results, make_scene, square
from tests.evaluate.detection.made import numbers, random_scenes


def test_spacenet_leaves_out_specks_on_both_sides():
    """Pixels of 1 m: 16 px are too few, 25 px enough; 5 labels, 2 of them specks."""
    labels = [("house", square(20 * at, 0, side)) for at, side in enumerate((4, 4, 5, 10, 10))]
    detections = [
        ("house", 0.9, square(0, 0, 4)),  # a speck found: counts nowhere
        ("house", 0.8, square(40, 0, 5)),
        ("house", 0.7, square(60, 0, 10)),
        ("house", 0.6, square(60, 60, 10)),
        ("house", 0.5, square(80, 80, 4)),  # a speck, false: counts nowhere
    ]
    found = numbers(SpaceNetF1(), make_results(make_scene(labels, detections)))
    assert found["spacenet_precision"] == pytest.approx(2 / 3)
    assert found["spacenet_recall"] == pytest.approx(2 / 3)
    assert found["spacenet_f1"] == pytest.approx(2 / 3)


def test_spacenet_compares_outlines_even_where_boxes_are_matched():
    """A square turned by 45 degrees fills half its envelope: 0.5 is right, less is not."""
    turned = rotate(square(20, 20, 20), 45)
    for envelope, right in ((turned.envelope, 1.0), (turned.envelope.buffer(1), 0.0)):
        scene = make_scene([("house", turned)], [("house", 0.9, envelope)])
        found = numbers(SpaceNetF1(iou=0.4999), make_results(scene, match="box"))
        assert found["spacenet_f1"] == right


def test_xview_takes_the_whole_area_under_the_curve():
    """Right, wrong, right of 2 labels: recall 1/2 at precision 1, then 1 at 2/3; 0.833 in all.

    COCO reads 51 recalls at 1 and 50 at 2/3: 0.835.
    """
    labels = [("house", square(0, 0)), ("house", square(20, 0))]
    detections = [
        ("house", 0.9, square(0, 0)),
        ("house", 0.8, square(60, 60)),
        ("house", 0.7, square(20, 0)),
    ]
    found = numbers(XViewMap(), make_results(make_scene(labels, detections)))
    assert found["xview_map"] == found["by_class/house/xview_map"] == pytest.approx(5 / 6)


def test_xview_equals_the_area_of_voc():
    """As Everingham et al. (2015), section 3, write it, in a loop over the detections."""
    results = make_results(*random_scenes(seed=11, count=150, ties=False))
    label_of, kind = results.matched(1, 0.5)[0], results.detection_kind(1)
    areas = []
    for at in range(2):
        rows = [row for row in results.detections.ranks if kind[row] == at]
        right = np.array([label_of[row] >= 0 for row in rows])
        labels = np.sum(results.label_kind(1) == at)
        recall = np.concatenate([[0], np.cumsum(right) / labels, [1]])
        precision = np.concatenate([[0], np.cumsum(right) / np.arange(1, len(rows) + 1), [0]])
        for step in range(len(precision) - 2, -1, -1):
            precision[step] = max(precision[step], precision[step + 1])
        grows = np.flatnonzero(recall[1:] != recall[:-1]) + 1
        areas.append(np.sum((recall[grows] - recall[grows - 1]) * precision[grows]))
    assert numbers(XViewMap(), results)["xview_map"] == pytest.approx(np.mean(areas), abs=1e-12)
