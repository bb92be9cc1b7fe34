"""What every encoder promises, tested for each YAML in `conf/encoder/`."""

import warnings

import keras
import numpy as np
import onnxruntime
import pytest

from factory_core.kernel.parts import list_parts
from factory_core.train.reproducible import pin
from tests.models.compose import model_from_yaml

# The others take seconds to build.
QUICK = ("efficientnet_lite0", "mobilenet_v3_small", "resnet")
FOUR = ("blue", "green", "red", "nir")
BANDS = {"one band": ("panchromatic",), "four bands": FOUR}
NAMES = [part.name for part in list_parts("encoder")]


@pytest.fixture(autouse=True, scope="module")
def _pinned():
    pin(seed=0, threads=2)


def encoder(name, *overrides):
    return model_from_yaml("unet", f"encoder={name}", *overrides, small=False).encoder


def network(name, bands, *overrides):
    taken = encoder(name, *overrides)
    image = keras.Input((32, 64, len(bands)))
    built = keras.Model(image, taken.features(image))
    taken.load_pretrained(built, bands=bands)
    return built


def images(bands):
    return np.random.default_rng(0).normal(size=(2, 32, 64, len(bands))).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "bands"),
    [
        pytest.param(
            name, bands, id=f"{name}, {case}", marks=[] if name in QUICK else [pytest.mark.slow]
        )
        for name in NAMES
        for case, bands in BANDS.items()
        if name in QUICK or bands is FOUR
    ],
)
def test_every_level_halves_the_sides(name, bands):
    built = network(name, bands)
    found = built(images(bands))
    assert len(found) == encoder(name).levels
    for level, features in enumerate(found, start=1):
        assert features.shape[:3] == (2, 32 // 2**level, 64 // 2**level)
        assert np.isfinite(features).all()
        assert np.asarray(features).std() > 0
    named = [layer.name for layer in built.layers if layer.weights]
    assert all(name.startswith("encoder_") for name in named)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "depth"), [("efficientnet_b0", 3), ("mobilenet_v3_large", 4)])
def test_is_the_same_saved_and_as_onnx(name, depth, tmp_path):
    """Of each family whose layers no brick has, down to where it has had them all."""
    built = network(name, FOUR, f"encoder.depth={depth}")
    wanted = [np.asarray(x) for x in built(images(FOUR))]
    built.save(tmp_path / "encoder.keras")
    again = keras.models.load_model(tmp_path / "encoder.keras")
    assert all(np.array_equal(a, b) for a, b in zip(again(images(FOUR)), wanted, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Keras patches numpy for tf2onnx
        built.export(tmp_path / "encoder.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(
        tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {session.get_inputs()[0].name: images(FOUR)})
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
