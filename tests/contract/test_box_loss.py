"""What every loss of boxes promises, tested for each YAML in `conf/loss/` of that type."""

import numpy as np
import pytest
from keras import ops

from factory_core.dataset.sample import stack_boxes
from factory_core.kernel import config
from factory_core.kernel.parts import load_part
from factory_core.models.interface import CentreLoss
from factory_core.train.reproducible import pin
from tests.models.compose import model_from_yaml
from tests.models.losses import names_of, value_and_gradient

SIDE = 32
CLASSES = 2
BOXES = {
    "empty": [stack_boxes([], []), stack_boxes([], [])],
    "full": [stack_boxes([[0, 0, SIDE, SIDE]], [0]), stack_boxes([[0, 0, SIDE, SIDE]], [1])],
    "mixed": [stack_boxes([[2, 2, 14, 10], [20, 20, 30, 31]], [0, 1]), stack_boxes([], [])],
}


@pytest.fixture(autouse=True)
def _pinned():
    pin(seed=0, threads=2, deterministic=True)


@pytest.fixture(params=names_of(CentreLoss))
def loss(request):
    return config.build(load_part("loss", request.param), where="loss")


@pytest.fixture(params=["empty", "full", "mixed"])
def target(request):
    labels = BOXES[request.param]
    model = model_from_yaml("centernet")
    return model.encode(labels, shape=(SIDE, SIDE), num_classes=CLASSES)


@pytest.mark.parametrize("logit", [-1e4, -30.0, 0.0, 30.0, 1e4])
def test_is_finite_with_finite_gradients(loss, target, logit):
    output = np.full((*target.shape[:3], CLASSES + 4), logit, np.float32)
    output[..., -4:] = abs(logit) if logit else 1e-6
    value, gradient = value_and_gradient(loss, target, output)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_gives_one_number_a_window(loss, target):
    output = np.zeros((*target.shape[:3], CLASSES + 4), np.float32)
    assert ops.shape(loss(target, output)) == (2,)


def test_going_down_the_gradient_makes_it_smaller(loss, target):
    generator = np.random.default_rng(0)
    output = generator.uniform(0.5, 1.5, (*target.shape[:3], CLASSES + 4)).astype(np.float32)
    output[..., -4:] *= 5
    before, gradient = value_and_gradient(loss, target, output)
    step = 1e-2 / np.abs(gradient).max()
    after, _ = value_and_gradient(loss, target, output - step * gradient)
    assert after < before


def test_the_truth_costs_less_than_anything_else(loss, target):
    generator = np.random.default_rng(0)
    heat = np.where(target[..., :CLASSES] >= 1, 20.0, -20.0)
    truth = np.concatenate([heat, target[..., -5:-1]], axis=-1).astype(np.float32)
    best = float(ops.mean(loss(target, truth)))
    for _ in range(3):
        other = truth + generator.uniform(1, 20, truth.shape).astype(np.float32)
        assert best < float(ops.mean(loss(target, other)))
    assert best < 0.01
