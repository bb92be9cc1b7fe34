"""The numbers that training keeps its best weights by, on cases worked out by hand."""

import numpy as np
import pytest

from factory_core.dataset.sample import stack_boxes
from factory_core.models.measure import average_precision, mean_iou

A, B = [0, 0, 10, 10], [20, 20, 30, 30]
FAR = [50, 50, 60, 60]


@pytest.mark.parametrize(
    ("labels", "found", "expected"),
    [
        pytest.param([], [], 1.0, id="nothing to find, nothing found"),
        pytest.param([], [(A, 0.3)], 0.7, id="nothing to find, something found"),
        pytest.param([A], [], 0.0, id="nothing found"),
        pytest.param([A, B], [(A, 0.9), (B, 0.8)], 1.0, id="all found"),
        pytest.param([A, B], [(A, 0.9)], 0.5, id="half found"),
        pytest.param([A], [(FAR, 0.9), (A, 0.8)], 0.5, id="false one first"),
        pytest.param([A], [(A, 0.9), (FAR, 0.8)], 1.0, id="false one last"),
        pytest.param([A, B], [(A, 0.9), (A, 0.8), (B, 0.7)], 1.0, id="doubles are dropped"),
        pytest.param([A, B], [(A, 0.9), (FAR, 0.8), (B, 0.7)], (1 + 2 / 3) / 2, id="in between"),
    ],
)
def test_average_precision(labels, found, expected):
    outputs = {
        "boxes": np.array([[box for box, _ in found]], np.float32).reshape(1, -1, 4),
        "scores": np.array([[score for _, score in found]], np.float32).reshape(1, -1),
        "classes": np.zeros((1, len(found)), int),
    }
    boxes = stack_boxes(labels, [0] * len(labels))
    assert average_precision([boxes], outputs) == pytest.approx(expected)


def test_a_box_of_another_class_is_false():
    outputs = {
        "boxes": np.array([[A]], np.float32),
        "scores": np.array([[0.9]]),
        "classes": np.array([[1]]),
    }
    assert average_precision([stack_boxes([A], [0])], outputs) == 0


@pytest.mark.parametrize(
    ("mask", "scores", "expected"),
    [
        pytest.param([0, 0], [[0, 0], [0, 0]], 1.0, id="nothing there, nothing found"),
        pytest.param([1, 2], [[0.9, 0], [0, 0.9]], 1.0, id="all right"),
        pytest.param([1, 2], [[0.9, 0], [0.9, 0]], 0.25, id="one class taken for the other"),
        pytest.param([1, 0], [[0.4, 0], [0, 0]], 0.0, id="less likely than background"),
    ],
)
def test_mean_iou(mask, scores, expected):
    found = mean_iou(np.array(mask).reshape(1, 1, 2), np.array(scores, float).reshape(1, 1, 2, 2))
    assert found == pytest.approx(expected)
