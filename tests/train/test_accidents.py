"""Memory that runs out: the error says which batch would fit."""

import keras
import numpy as np
import pytest
from keras import ops

from factory_core.kernel.errors import ModelError
from factory_core.train.accidents import explained_memory


class Hungry(keras.layers.Layer):
    """Asks for more than an address space holds from four windows on, for 32 MB at two."""

    def call(self, x):
        size = ops.minimum(ops.cast(ops.sum(ops.ones_like(x)), "int64"), 4)
        return x + ops.mean(
            ops.exp(ops.broadcast_to(ops.stop_gradient(x[0]), (ops.power(size, 23),)))
        )


@pytest.fixture(scope="module")
def learn():
    image = keras.Input((2,))
    network = keras.Model(image, Hungry()(keras.layers.Dense(1)(image)))
    network.compile("sgd", "mse")
    return lambda images, target: float(network.train_on_batch(images, target))


def batch_of(size):
    return np.ones((size, 2), np.float32), np.ones((size, 1), np.float32)


@pytest.mark.slow
def test_says_what_fits(learn):
    images, target = batch_of(5)
    said = r"5 windows.*train.batch_size: 2`, which fits.*accumulation_steps: 3"
    with pytest.raises(ModelError, match=said), explained_memory(learn, images, target, probe=True):
        learn(images, target)


def test_says_that_nothing_fits():
    def starve(images, target):
        np.zeros((1 << 45, 1 << 10))

    images, target = batch_of(4)
    with (
        pytest.raises(ModelError, match="Not even one window fits"),
        explained_memory(starve, images, target, probe=True),
    ):
        starve(images, target)


def test_leaves_other_errors_alone(learn):
    images, target = batch_of(4)
    with pytest.raises(ZeroDivisionError), explained_memory(learn, images, target, probe=True):
        raise ZeroDivisionError
