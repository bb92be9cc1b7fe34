"""Bricks against what their papers write, in numpy, on a map of a few pixels."""

import keras
import numpy as np
import pytest

from factory_core.models.bricks.activation import Relu
from factory_core.models.bricks.attention import (
    Cbam,
    Coordinate,
    Eca,
    NoAttention,
    NonLocal,
    SqueezeExcite,
)
from factory_core.models.bricks.block import Plain
from factory_core.models.bricks.interface import Bricks
from factory_core.models.bricks.neck import WeightedSum
from factory_core.models.bricks.normalisation import BatchNormalisation, GroupNormalisation
from factory_core.models.bricks.skip import AttentionGate
from factory_core.models.bricks.upsampling import depth_to_space

BRICKS = Bricks(Plain(), NoAttention(), BatchNormalisation(), Relu())
ROWS, COLUMNS, CHANNELS = 3, 4, 6


@pytest.fixture
def x():
    shape = (2, ROWS, COLUMNS, CHANNELS)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def through(part, x):
    """What a brick gives, and its weights by the names of their layers, all moved."""
    given = keras.Input(x.shape[1:])
    network = keras.Model(given, part(given, name="part"))
    random = np.random.default_rng(1)
    network.set_weights([random.normal(size=w.shape) for w in network.get_weights()])
    weights = {
        layer.name.removeprefix("part_"): [np.asarray(w) for w in layer.weights]
        for layer in network.layers
    }
    return np.asarray(network(x)), weights


def dense(x, weights):
    """A convolution of 1 x 1."""
    kernel, *bias = weights
    return x @ kernel[0, 0] + sum(bias)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def same_conv(x, kernel):
    """A convolution that keeps the sides, place by place."""
    size = kernel.shape[0]
    padded = np.pad(x, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)))
    found = np.zeros((*x.shape[:3], kernel.shape[3]), np.float32)
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            seen = padded[:, row : row + size, column : column + size]
            found[:, row, column] = np.einsum("bijc,ijcd->bd", seen, kernel)
    return found


def test_squeeze_excite(x):
    found, w = through(SqueezeExcite(), x)
    assert w["reduce"][0].shape[-1] == 4  # never fewer
    hidden = np.maximum(dense(x.mean(axis=(1, 2)), w["reduce"]), 0)
    weights = sigmoid(dense(hidden, w["excite"]))
    np.testing.assert_allclose(found, x * weights[:, None, None], atol=1e-5)


@pytest.mark.parametrize(("channels", "kernel"), [(1, 1), (6, 1), (8, 3), (64, 3), (256, 5)])
def test_eca_looks_as_far_as_the_rule_of_its_paper(channels, kernel):
    given = keras.Input((2, 2, channels))
    network = keras.Model(given, Eca()(given, name="part"))
    assert network.count_params() == kernel


def test_eca():
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 8)).astype(np.float32)
    found, w = through(Eca(), x)
    (kernel,) = w["near"]
    means = np.pad(x.mean(axis=(1, 2)), ((0, 0), (1, 1)))
    weights = sigmoid(sum(means[:, i : i + 8] * kernel[i, 0, 0] for i in range(3)))
    np.testing.assert_allclose(found, x * weights[:, None, None], atol=1e-5)


def test_cbam(x):
    found, w = through(Cbam(kernel_px=3), x)

    def weigh(seen):
        return dense(np.maximum(dense(seen, w["reduce"]), 0), w["excite"])

    channels = sigmoid(weigh(x.mean(axis=(1, 2))) + weigh(x.max(axis=(1, 2))))
    y = x * channels[:, None, None]
    seen = np.stack([y.mean(axis=-1), y.max(axis=-1)], axis=-1)
    np.testing.assert_allclose(found, y * sigmoid(same_conv(seen, w["places"][0])), atol=1e-5)


def test_coordinate(x):
    found, w = through(Coordinate(), x)

    def weigh(means, side):
        hidden = dense(means, w["reduce"])
        hidden = hidden * np.clip(hidden + 3, 0, 6) / 6
        return sigmoid(dense(hidden, w[side]))

    rows = weigh(x.mean(axis=2, keepdims=True), "rows")
    columns = weigh(x.mean(axis=1, keepdims=True), "columns")
    np.testing.assert_allclose(found, x * rows * columns, atol=1e-5)


@pytest.mark.parametrize("keys_px", [8, 2], ids=["every place is a key", "means of areas"])
def test_non_local(x, keys_px):
    found, w = through(NonLocal(keys_px=keys_px), x)
    keys = x
    if keys_px == 2:  # areas of 2 x 2; the last row has no second
        keys = np.stack([x[:, :2], np.stack([x[:, 2], x[:, 2]], axis=1)], axis=1)
        keys = keys.reshape(2, 2, 2, 2, 2, CHANNELS).mean(axis=(2, 4))
    places = ROWS * COLUMNS
    asked = dense(x, w["queries"]).reshape(2, places, -1)
    known = dense(keys, w["keys"]).reshape(2, keys.shape[1] * keys.shape[2], -1)
    values = dense(keys, w["values"]).reshape(known.shape)
    alike = softmax(asked @ known.transpose(0, 2, 1) / np.sqrt(CHANNELS // 2))
    seen = (alike @ values).reshape(2, ROWS, COLUMNS, -1)
    np.testing.assert_allclose(found, x + dense(seen, w["given"]), atol=1e-5)


def test_non_local_adds_nothing_at_first(x):
    given = keras.Input(x.shape[1:])
    network = keras.Model(given, NonLocal()(given, name="part"))
    np.testing.assert_array_equal(network(x), x)


def test_attention_gate_opens_and_shuts(x):
    given = keras.Input(x.shape[1:])
    side = keras.layers.Identity()(given)
    network = keras.Model(given, AttentionGate()(given, side, bricks=BRICKS, name="gate"))
    for bias, share in ((-100.0, 0.0), (100.0, 1.0), (0.0, 0.5)):
        layer = network.get_layer("gate_gate")
        layer.set_weights([0 * layer.get_weights()[0], np.array([bias])])
        np.testing.assert_allclose(network(x), np.concatenate([x, share * x], -1), atol=1e-6)


@pytest.mark.parametrize("factor", [2, 4])
def test_depth_to_space(factor):
    shape = (2, 3, 2, 5 * factor**2)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    given = keras.Input(shape[1:])
    network = keras.Model(given, depth_to_space(given, factor=factor, name="part"))
    found = np.asarray(network(x))
    assert found.shape == (2, 3 * factor, 2 * factor, 5)
    for row, column in np.ndindex(found.shape[1:3]):
        first = 5 * (row % factor * factor + column % factor)
        wanted = x[:, row // factor, column // factor, first : first + 5]
        np.testing.assert_array_equal(found[:, row, column], wanted)


def test_weighted_sum_shares_out_what_is_above_nothing():
    maps = [np.full((1, 2, 2, 3), value, np.float32) for value in (1, 10, 100)]
    layer = WeightedSum()
    np.testing.assert_allclose(layer(maps), 37, rtol=1e-3)
    layer.set_weights([np.array([3.0, 1.0, -5.0])])
    np.testing.assert_allclose(layer(maps), (3 * 1 + 10) / 4, rtol=1e-3)


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (7, 1), (16, 8), (32, 16), (48, 16), (80, 16)],
)
def test_groups_divide_any_channels_and_hold_two(channels, groups):
    given = keras.Input((4, 4, channels))
    network = keras.Model(given, GroupNormalisation()(given, name="part"))
    assert network.get_layer("part").groups == groups
