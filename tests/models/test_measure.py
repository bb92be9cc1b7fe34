"""The numbers that training keeps weights by, on cases worked out by hand."""

import numpy as np
import pytest

from factory_core.dataset.sample import OrientedBoxes, stack_boxes
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
        pytest.param(
            [A], [([0, 0, 12, 12], 0.9)], 3 / 5, id="too large: IoU 0.69, right for 3 of 5"
        ),
        pytest.param(
            [A, B],
            [([0, 0, 12, 12], 0.9), (B, 0.8)],
            (3 + 2 * 1 / 4) / 5,
            id="one of two too large",
        ),
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


@pytest.mark.parametrize("turn", [0.0, 0.4, np.pi / 2, -1.3])
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([(0, 0, 20, 6, 0), (30, 0, 8, 8, 0)], 1.0, id="all found"),
        pytest.param([(0, 0, 20, 6, np.pi), (30, 0, 8, 8, np.pi / 2)], 1.0, id="the same boxes"),
        pytest.param([(0, 0, 20, 6, np.pi / 2), (30, 0, 8, 8, 0)], 0.25, id="across the object"),
        pytest.param([(0, 0, 20, 6, 0), (0, 0, 19, 6, 0), (30, 0, 8, 8, 0)], 1, id="a double"),
        pytest.param([(0, 0, 20, 20, 0), (30, 0, 8, 3, 0)], 0.0, id="too large and too small"),
    ],
)
def test_average_precision_of_oriented_boxes(found, expected, turn):
    def turned(rows):
        boxes = np.array(rows, np.float32)
        x, y = boxes[:, 0].copy(), boxes[:, 1].copy()
        boxes[:, 0], boxes[:, 1] = (
            x * np.cos(turn) - y * np.sin(turn),
            x * np.sin(turn) + y * np.cos(turn),
        )
        return boxes + np.array([100, 100, 0, 0, turn], np.float32)

    labels = OrientedBoxes(turned([(0, 0, 20, 6, 0), (30, 0, 8, 8, 0)]), np.zeros(2, int))
    outputs = {
        "boxes": turned(found)[None],
        "scores": np.linspace(0.9, 0.5, len(found))[None],
        "classes": np.zeros((1, len(found)), int),
    }
    assert average_precision([labels], outputs) == pytest.approx(expected)


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
