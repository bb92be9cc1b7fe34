"""What every encoder promises, tested for each YAML in `conf/encoder/`."""

import keras
import numpy as np
import pytest

from factory_core.kernel.parts import list_parts
from factory_core.train.reproducible import pin
from tests.models.compose import model_from_yaml


@pytest.fixture(autouse=True)
def _pinned():
    pin(seed=0, threads=2, deterministic=True)


@pytest.fixture(params=[part.name for part in list_parts("encoder")])
def encoder(request):
    return model_from_yaml("unet", f"encoder={request.param}", small=False).encoder


def network(encoder, bands):
    image = keras.Input((32, 64, len(bands)))
    built = keras.Model(image, encoder.features(image))
    encoder.load_pretrained(built, bands=bands)
    return built


@pytest.mark.parametrize(
    "bands",
    [
        pytest.param(("panchromatic",), id="one band"),
        pytest.param(("red", "green", "blue"), id="colour"),
        pytest.param(("blue", "green", "red", "nir"), id="four bands"),
    ],
)
def test_every_level_halves_the_sides(encoder, bands):
    built = network(encoder, bands)
    found = built(np.random.default_rng(0).normal(size=(2, 32, 64, len(bands))))
    assert len(found) == encoder.levels
    for level, features in enumerate(found, start=1):
        assert features.shape[:3] == (2, 32 // 2**level, 64 // 2**level)
        assert np.isfinite(features).all()
        assert np.asarray(features).std() > 0


def test_names_its_layers_as_its_own(encoder):
    built = network(encoder, ("red", "green", "blue"))
    named = [layer.name for layer in built.layers if layer.weights]
    assert all(name.startswith("encoder_") for name in named)
