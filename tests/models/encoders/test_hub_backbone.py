"""Backbones of keras-hub come from noise or from a preset in a folder."""

import hashlib
import importlib

import keras
import numpy as np
import pytest

from factory_core.kernel.errors import ConfigError, ModelError
from factory_core.models import hub
from factory_core.models.encoders.bands import DEVIATION, MEAN
from factory_core.models.encoders.hub_backbone import HubBackbone

RGB = ("red", "green", "blue")
SIDE = 64
TINY = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [7],
    "stackwise_num_filters": [64, 8],
    "stackwise_num_blocks": [1, 1],
    "stackwise_num_strides": [1, 2],
    "block_type": "basic_block",
}


def network(encoder, bands=RGB):
    image = keras.Input((SIDE, SIDE, len(bands)))
    built = keras.Model(image, encoder.features(image))
    encoder.load_pretrained(built, bands=bands)
    return built


def test_without_the_package_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(hub.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"pip install 'factory-core\[hub\]'"):
        HubBackbone().features(keras.Input((SIDE, SIDE, 3)))


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A folder that keras-hub wrote, with the values its photographs were shown in."""
    keras_hub = importlib.import_module("keras_hub")
    folder = tmp_path_factory.mktemp("preset")
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.ResNetBackbone(**TINY, image_shape=(None, None, 3))
    converter = keras_hub.layers.ResNetImageConverter(
        scale=(1 / 255 / DEVIATION).tolist(), offset=(-MEAN / DEVIATION).tolist()
    )
    backbone.save_to_preset(str(folder))
    converter.save_to_preset(str(folder))
    return folder, backbone


def of_preset(folder, **fields):
    sha256 = hashlib.sha256((folder / "model.weights.h5").read_bytes()).hexdigest()
    return HubBackbone(**{"preset": folder, "sha256": sha256, "depth": 3} | fields)


@pytest.mark.slow
def test_a_preset_gives_the_features_of_its_backbone(preset):
    folder, backbone = preset
    photograph = np.random.default_rng(0).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)
    shown = ((photograph / 255 - MEAN) / DEVIATION).astype(np.float32)
    pyramid = keras.Model(backbone.inputs[0], backbone.pyramid_outputs)(shown)
    found = network(of_preset(folder))(shown)
    np.testing.assert_allclose(found[1], pyramid["P2"], atol=1e-5)
    np.testing.assert_allclose(found[2], pyramid["P3"], atol=1e-5)
    assert found[0].shape == (1, 32, 32, 32)


@pytest.mark.slow
def test_a_preset_widens_to_other_bands(preset):
    folder, backbone = preset
    kernel = backbone.get_layer("conv1_conv").get_weights()[0]
    built = network(of_preset(folder), ("nir", "blue", "green", "red"))
    inner = built.get_layer("encoder_hub_resnetbackbone")
    widened = next(w for w in inner.get_weights() if w.ndim == 4)
    np.testing.assert_allclose(widened[:, :, 3], kernel[:, :, 0] * 0.75, atol=1e-6)


@pytest.mark.slow
def test_refuses(preset, tmp_path):
    folder, _ = preset
    with pytest.raises(ModelError, match=r"SHA-256 of .*model\.weights\.h5"):
        network(of_preset(folder, sha256="0"))
    with pytest.raises(ModelError, match="no folder of a preset"):
        network(HubBackbone(preset=tmp_path))
    with pytest.raises(ConfigError, match="Did you mean 'ResNetBackbone'"):
        network(HubBackbone(backbone="ResnetBackbone"))
    with pytest.raises(ConfigError, match=r"builds no ResNetBackbone.*block_type"):
        network(HubBackbone(config=TINY | {"block_type": "basic"}))
    with pytest.raises(ConfigError, match=r"1/32 of the sides.*ResNetBackbone has.*1/4, 1/8"):
        network(of_preset(folder, depth=5))
