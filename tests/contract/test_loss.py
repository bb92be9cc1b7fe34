"""What every loss promises, tested for each YAML in `conf/loss/`."""

import numpy as np
import pytest
from keras import ops

from factory_core.dataset.sample import stack_boxes
from factory_core.kernel import config
from factory_core.kernel.parts import list_parts, load_part
from factory_core.models.interface import ScoreMapLoss
from factory_core.train.reproducible import pin
from tests.models.compose import model_from_yaml

SIDE = 32
CLASSES = 2
FULL = np.stack([np.full((SIDE, SIDE), number, np.uint8) for number in (1, 2)])
MASKS = {
    "empty": np.zeros((2, SIDE, SIDE), np.uint8),
    "full": FULL,
    "mixed": np.where(np.arange(SIDE)[None, :, None] < 8, FULL, 0).astype(np.uint8),
}
BOXES = {
    "empty": [stack_boxes([], []), stack_boxes([], [])],
    "full": [stack_boxes([[0, 0, SIDE, SIDE]], [0]), stack_boxes([[0, 0, SIDE, SIDE]], [1])],
    "mixed": [stack_boxes([[2, 2, 14, 10], [20, 20, 30, 31]], [0, 1]), stack_boxes([], [])],
}


@pytest.fixture(autouse=True)
def _pinned():
    pin(seed=0, threads=2)


@pytest.fixture(params=[part.name for part in list_parts("loss")])
def loss(request):
    return config.build(load_part("loss", request.param), where="loss")


@pytest.fixture(params=["empty", "full", "mixed"])
def target(request, loss):
    if isinstance(loss, ScoreMapLoss):
        return encode(model_from_yaml("unet"), MASKS[request.param])
    return encode(model_from_yaml("centernet"), BOXES[request.param])


def encode(model, labels):
    return model.encode(list(labels), shape=(SIDE, SIDE), num_classes=CLASSES)


def channels(loss):
    return CLASSES + (1 if isinstance(loss, ScoreMapLoss) else 4)


def value_and_gradient(loss, target, output):
    """The mean loss and its gradient by the output, on the default backend."""
    import tensorflow as tf

    variable = tf.Variable(output)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss(target, variable))
    return float(value), tape.gradient(value, variable).numpy()


@pytest.mark.parametrize("logit", [-1e4, -30.0, 0.0, 30.0, 1e4])
def test_is_finite_with_finite_gradients(loss, target, logit):
    output = np.full((*target.shape[:3], channels(loss)), logit, np.float32)
    if not isinstance(loss, ScoreMapLoss):
        output[..., -4:] = abs(logit) if logit else 1e-6
    value, gradient = value_and_gradient(loss, target, output)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_gives_one_number_a_window(loss, target):
    output = np.zeros((*target.shape[:3], channels(loss)), np.float32)
    assert ops.shape(loss(target, output)) == (2,)


def test_going_down_the_gradient_makes_it_smaller(loss, target):
    generator = np.random.default_rng(0)
    output = generator.uniform(0.5, 1.5, (*target.shape[:3], channels(loss))).astype(np.float32)
    if not isinstance(loss, ScoreMapLoss):
        output[..., -4:] *= 5
    before, gradient = value_and_gradient(loss, target, output)
    step = 1e-2 / np.abs(gradient).max()
    after, _ = value_and_gradient(loss, target, output - step * gradient)
    assert after < before


def test_the_truth_costs_less_than_anything_else(loss, target):
    generator = np.random.default_rng(0)
    if isinstance(loss, ScoreMapLoss):
        truth = 20.0 * np.eye(CLASSES + 1, dtype=np.float32)[target[..., 0]]
    else:
        heat = np.where(target[..., :CLASSES] >= 1, 20.0, -20.0)
        truth = np.concatenate([heat, target[..., -5:-1]], axis=-1).astype(np.float32)
    best = float(ops.mean(loss(target, truth)))
    for _ in range(3):
        other = truth + generator.uniform(1, 20, truth.shape).astype(np.float32)
        assert best < float(ops.mean(loss(target, other)))
    assert best < 0.01
