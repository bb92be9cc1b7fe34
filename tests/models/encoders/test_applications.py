"""Networks of Keras take images of ours as they take photographs."""

import hashlib

import keras
import numpy as np
import pytest

from factory_core.kernel.errors import ConfigError, ModelError
from factory_core.models.encoders.applications import APPLICATIONS, KerasApplication
from factory_core.models.encoders.bands import DEVIATION, MEAN
from tests.models.compose import model_from_yaml

RGB = ("red", "green", "blue")
SIDE = 64
PREPARED = {
    "ResNet50": keras.applications.resnet,
    "ResNet50V2": keras.applications.resnet_v2,
    "DenseNet121": keras.applications.densenet,
}


def application(name):
    """With weights as if learnt: means and variances of normalisations too."""
    built = getattr(keras.applications, name)(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3)
    )
    generator = np.random.default_rng(0)
    built.set_weights(
        [
            np.abs(generator.normal(1, 0.2, w.shape))
            if w.name in {"moving_variance", "gamma"}
            else generator.normal(0, 1.5 / max(np.prod(w.shape[:-1]), 1) ** 0.5, w.shape)
            for w in built.weights
        ]
    )
    for layer in built.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([MEAN, DEVIATION**2, np.array(0)])
            layer.finalize_state()
    return built


def network(encoder, bands):
    image = keras.Input((SIDE, SIDE, len(bands)))
    return keras.Model(image, encoder.features(image))


def loaded(name, path, *, bands=RGB, depth):
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    encoder = KerasApplication(name, weights=path, sha256=sha256, depth=depth)
    built = network(encoder, bands)
    encoder.load_pretrained(built, bands=bands)
    return built


@pytest.fixture(scope="module")
def photograph():
    """Values of 0 to 255, `(1, height, width, 3)`."""
    return np.random.default_rng(1).uniform(0, 255, (1, SIDE, SIDE, 3)).astype(np.float32)


def normalised(photograph):
    return ((photograph / 255 - MEAN) / DEVIATION).astype(np.float32)


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV3Small",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("EfficientNetB0", "DenseNet121", "ResNet50", "ResNet50V2")
        ),
    ],
)
def test_gives_the_features_of_the_application(photograph, tmp_path, name):
    whole = application(name)
    whole.save_weights(tmp_path / "a.weights.h5")
    shown = PREPARED[name].preprocess_input(photograph.copy()) if name in PREPARED else photograph
    # What is padded differs: 0 is the mean of our images, and not that of all of theirs. It
    # reaches further at coarser levels, so only the finest are compared for those.
    same = APPLICATIONS[name].shown == "torch"
    depth, edge = (5, 0) if same else (2, 4)
    ends = APPLICATIONS[name].ends[:depth]
    outputs = [whole.get_layer(end).output for end in ends]
    wanted = keras.Model(whole.inputs[0], outputs)(shown)
    found = loaded(name, tmp_path / "a.weights.h5", depth=depth)(normalised(photograph))
    for a, b in list(zip(found, wanted, strict=True))[: 5 if same else 1]:
        inside = slice(edge, b.shape[1] - edge)
        a, b = (np.asarray(x)[:, inside, inside] for x in (a, b))
        assert b.std() > 1e-3
        np.testing.assert_allclose(a, b, atol=2e-3 * np.abs(b).max())


def test_short_trainings_have_fresh_averages():
    built = network(KerasApplication("MobileNetV3Small", depth=2), RGB).layers[1]
    norms = [x for x in built.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert norms
    assert {layer.momentum for layer in norms} == {0.9}


def test_a_wrong_hash_is_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"")
    encoder = KerasApplication("MobileNetV3Small", weights=tmp_path / "a.h5", sha256="0" * 64)
    with pytest.raises(ModelError, match=r"SHA-256 of .*a\.h5"):
        encoder.load_pretrained(None, bands=RGB)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(
            ["encoder.name=MobileNetV3Smal"], "Did you mean 'MobileNetV3Small'", id="name"
        ),
        pytest.param(["encoder.depth=6"], r"depth.*\[2, 5\]", id="depth"),
    ],
)
def test_refuses(overrides, message):
    with pytest.raises(ConfigError, match=message):
        model_from_yaml("unet", "encoder=mobilenet_v3_small", *overrides, small=False)
