"""Boxes survive the way into a target and out of a perfect network."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from factory_core.dataset.sample import stack_boxes
from factory_core.kernel.errors import ConfigError
from tests.models.compose import model_from_yaml

SIDE = 64


def model(**fields):
    return model_from_yaml(
        "centernet", *(f"model.{name}={value}" for name, value in fields.items())
    )


def perfect_output(target, *, num_classes):
    """What a network gives that has learnt `target` by heart."""
    heat = np.where(target[..., :num_classes] >= 1, 6.0, -6.0) + target[..., :num_classes]
    return np.concatenate([heat, target[..., -5:-1]], axis=-1).astype(np.float32)


def test_refuses_a_neck_whose_finest_map_is_that_of_another():
    with pytest.raises(ConfigError, match=r"`model.neck` must be a FineNeck.*neck: aspp, bifpn,"):
        model_from_yaml("centernet", "neck=pan")


@pytest.mark.parametrize("stride_px", [2, 4, 8])
@given(data=st.data())
def test_decoding_gives_back_what_was_encoded(stride_px, data):
    corner = st.integers(0, 1)
    cells = data.draw(st.lists(st.tuples(corner, corner), unique=True, max_size=4))
    boxes = [
        (
            32 * column + data.draw(st.floats(0, 8)),
            32 * row + data.draw(st.floats(0, 8)),
            32 * column + data.draw(st.floats(18, 32)),
            32 * row + data.draw(st.floats(18, 32)),
        )
        for row, column in cells
    ]
    classes = [data.draw(st.integers(0, 2)) for _ in cells]
    labels = stack_boxes(boxes, classes)
    built = model(stride_px=stride_px)
    target = built.encode([labels], shape=(SIDE, SIDE), num_classes=3)
    outputs = built.decode(ops.convert_to_tensor(perfect_output(target, num_classes=3)))
    found = {name: ops.convert_to_numpy(value)[0] for name, value in outputs.items()}
    best = found["scores"] > 0.5
    assert best.sum() == len(boxes)
    rows = sorted(zip(found["boxes"][best].tolist(), found["classes"][best], strict=True), key=cell)
    for (box, number), (want, wanted) in zip(
        rows, sorted(zip(boxes, classes, strict=True), key=cell), strict=True
    ):
        np.testing.assert_allclose(box, want, atol=1e-3)
        assert number == wanted
    batch = {name: value[None] for name, value in found.items()}
    assert built.measure([labels], batch) > 0.99


def cell(labelled):
    """Row and column of the cell in which a box has its centre."""
    (x_min, y_min, x_max, y_max), _ = labelled
    return (y_min + y_max) // 64, (x_min + x_max) // 64


def test_a_label_of_one_pixel_still_has_a_centre():
    target = model().encode(
        [stack_boxes([[60.2, 60.2, 61, 61]], [0])], shape=(SIDE, SIDE), num_classes=1
    )
    assert (target[..., 0] == 1).sum() == 1
    assert target[0, 15, 15, -1] > 0


def test_a_label_at_the_far_edge_lies_in_the_last_cell():
    target = model().encode(
        [stack_boxes([[SIDE, SIDE, SIDE, SIDE]], [0])], shape=(SIDE, SIDE), num_classes=1
    )
    assert target[0, -1, -1, 0] == 1
    assert np.isfinite(target).all()


def test_the_smaller_of_two_boxes_is_stated_where_they_overlap():
    large, small = [0, 0, 64, 64], [24, 24, 40, 40]
    target = model().encode([stack_boxes([small, large], [0, 0])], shape=(64, 64), num_classes=1)
    assert target[0, 8, 8, -5:-1].tolist() == [10, 10, 6, 6]


def test_refuses_a_stride_that_no_level_has():
    with pytest.raises(ConfigError, match="stride_px=3"):
        model(stride_px=3)
