"""The last layers: what they answer before they have learnt anything."""

import keras
import numpy as np
import pytest

from factory_core.models.head import head, score_head


def last(layer):
    """Kernel and bias of a last layer on 64 channels."""
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 64))
    network = keras.Model(x, layer(x))
    kernel, bias = (np.asarray(weight) for weight in network.layers[-1].weights)
    return kernel, bias


def test_a_score_map_begins_with_votes_for_and_against_each_class():
    kernel, bias = last(lambda x: score_head(x, num_classes=3))
    assert kernel.shape == (1, 1, 64, 4)
    # Glorot and Bengio 2010: the variance is 2 / (channels in and out).
    assert np.std(kernel) == pytest.approx(np.sqrt(2 / (64 + 4)), rel=0.1)
    assert not bias.any()


def test_a_head_of_boxes_begins_with_its_first_answer():
    kernel, bias = last(lambda x: head(x, 5, name="scores", bias=-4.6))
    assert np.std(kernel) == pytest.approx(0.01, rel=0.2)
    assert np.allclose(bias, -4.6)
