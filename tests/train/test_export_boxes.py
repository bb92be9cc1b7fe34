"""Boxes of ONNX and of Keras are compared by where they lie."""

import numpy as np
import pytest

from factory_core.train.export import TOLERANCE, difference


def outputs(boxes, scores=(0.9, 0.8, 0.01)):
    rows = [*boxes, *[boxes[0]] * (3 - len(boxes))]
    return {
        "boxes": np.array([rows], np.float32),
        "scores": np.array([scores], np.float32),
        "classes": np.zeros((1, 3), np.int32),
    }


SHIP, SQUARE = [20.0, 30, 16, 4, 0.3], [50.0, 50, 8, 8, 0.0]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param([SHIP, SQUARE], True, id="the same"),
        pytest.param([SQUARE, SHIP], False, id="other scores"),
        pytest.param([SHIP, [50, 50, 8, 8, -np.pi / 2]], True, id="a square turned by a quarter"),
        pytest.param([[20, 30, 16, 4, 0.3 - np.pi], SQUARE], True, id="turned by a half"),
        pytest.param([[20, 30, 16, 4, 0.3 + np.pi / 2], SQUARE], False, id="turned by a quarter"),
        pytest.param([[20, 30, 16, 4, 0.35], SQUARE], False, id="turned a little"),
        pytest.param([[21, 30, 16, 4, 0.3], SQUARE], False, id="moved by a pixel"),
    ],
)
def test_oriented_boxes_are_compared_by_their_corners(other, same):
    apart = difference(outputs([SHIP, SQUARE]), outputs(other), side_px=64)
    assert (apart < TOLERANCE) == same


def test_upright_boxes_are_compared_side_by_side():
    one, other = [[1.0, 2, 9, 8]], [[1.0, 2, 9, 9]]
    assert difference(outputs(one), outputs(one), side_px=64) == 0
    assert difference(outputs(one), outputs(other), side_px=64) == pytest.approx(1 / 64)
