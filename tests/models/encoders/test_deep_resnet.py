"""The residual networks of the paper have the paper's size."""

import keras
import numpy as np
import pytest

from factory_core.kernel.errors import ConfigError
from tests.models.compose import model_from_yaml


def encoder(name, *overrides):
    return model_from_yaml("unet", f"encoder={name}", *overrides, small=False).encoder


# As torchvision counts them, less the classifier of 1000 classes.
@pytest.mark.parametrize(
    ("name", "published"),
    [
        pytest.param("resnet18", 11_689_512 - 513_000, id="18"),
        pytest.param("resnet34", 21_797_672 - 513_000, id="34", marks=pytest.mark.slow),
        pytest.param("resnet50", 25_557_032 - 2_049_000, id="50", marks=pytest.mark.slow),
        pytest.param("resnet101", 44_549_160 - 2_049_000, id="101", marks=pytest.mark.slow),
    ],
)
def test_has_the_published_number_of_weights(name, published):
    image = keras.Input((64, 64, 3))
    network = keras.Model(image, encoder(name).features(image))
    assert sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) == published


def test_depth_leaves_out_the_coarsest_stages():
    image = keras.Input((32, 32, 3))
    found = encoder("resnet18", "encoder.depth=3").features(image)
    assert [tuple(x.shape[1:]) for x in found] == [(16, 16, 64), (8, 8, 64), (4, 4, 128)]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param("encoder.depth=6", r"depth.*\[2, 5\].*Received: 6", id="too deep"),
        pytest.param("encoder.blocks=[2,2]", r"as many stages.*\[2, 2\]", id="stages"),
        pytest.param("encoder.blocks=[2,0,2,2]", "at least 1", id="an empty stage"),
    ],
)
def test_refuses(override, message):
    with pytest.raises(ConfigError, match=message):
        encoder("resnet18", override)
