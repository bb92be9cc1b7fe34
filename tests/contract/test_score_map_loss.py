"""What every loss of score maps promises, tested for each YAML in `conf/loss/` of that type."""

import numpy as np
import pytest
from keras import ops

from factory_core.models.interface import ScoreMapLoss
from factory_core.train.reproducible import pin
from tests.models.compose import model_from_yaml
from tests.models.losses import names_of, value_and_gradient

SIDE = 16
CLASSES = 2
FULL = np.stack([np.full((SIDE, SIDE), number, np.uint8) for number in (1, 2)])
MASKS = {
    "empty": np.zeros((2, SIDE, SIDE), np.uint8),
    "full": FULL,
    "mixed": np.where(np.arange(SIDE)[None, :, None] < 8, FULL, 0).astype(np.uint8),
}


@pytest.fixture(autouse=True, scope="module")
def _pinned():
    pin(seed=0, threads=2, deterministic=True)


@pytest.fixture(scope="module", params=names_of(ScoreMapLoss))
def loss(request):
    return model_from_yaml("unet", f"loss={request.param}").loss


@pytest.fixture(params=list(MASKS))
def target(request):
    return MASKS[request.param][..., np.newaxis]


@pytest.mark.parametrize(
    "logits",
    [
        pytest.param([0, 0, 0], id="undecided"),
        pytest.param([1e4, 0, 0], id="surely background"),
        pytest.param([0, 0, 1e4], id="surely the last class"),
        pytest.param([0, -30, -30], id="no class"),
        pytest.param([-1e4, -1e4, -1e4], id="far below zero"),
    ],
)
def test_is_finite_with_finite_gradients(loss, target, logits):
    output = np.tile(np.float32(logits), (2, SIDE, SIDE, 1))
    value, gradient = value_and_gradient(loss, target, output)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_gives_one_number_a_window(loss, target):
    output = np.zeros((2, SIDE, SIDE, CLASSES + 1), np.float32)
    assert ops.shape(loss(target, output)) == (2,)


def test_going_down_the_gradient_makes_it_smaller(loss, target):
    generator = np.random.default_rng(0)
    output = generator.uniform(0.5, 1.5, (2, SIDE, SIDE, CLASSES + 1)).astype(np.float32)
    before, gradient = value_and_gradient(loss, target, output)
    step = 1e-2 / np.abs(gradient).max()
    after, _ = value_and_gradient(loss, target, output - step * gradient)
    assert after < before


def test_the_truth_costs_less_than_anything_else(loss, target):
    generator = np.random.default_rng(0)
    truth = 20.0 * np.eye(CLASSES + 1, dtype=np.float32)[target[..., 0]]
    best = float(ops.mean(loss(target, truth)))
    for _ in range(3):
        other = truth + generator.uniform(1, 20, truth.shape).astype(np.float32)
        assert best < float(ops.mean(loss(target, other)))
    assert best < 0.01
