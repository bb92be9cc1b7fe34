"""Weights are read from the file that was meant, and from no other, for any bands."""

import hashlib
import shutil

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from factory_core.kernel.errors import ModelError
from factory_core.models.encoders.bands import DEVIATION, MEAN, SHOWN
from factory_core.models.encoders.weights_file import check_file, load_weights

RGB = ("red", "green", "blue")
# As Keras prepares photographs for each, from values of 0 to 255.
PREPARE = {
    mode: lambda x, mode=mode: keras.applications.imagenet_utils.preprocess_input(
        x.copy(), mode=mode, data_format="channels_last"
    )
    for mode in ("torch", "tf", "caffe")
} | {"tf_128": lambda x: x / 128 - 1}


def whole(bands, *, use_bias=False, channels=5):
    """A network of a first layer, a normalisation and a second layer."""
    image = keras.Input((8, 8, bands))
    x = layers.Conv2D(channels, 3, use_bias=use_bias, name="first")(image)
    x = layers.BatchNormalization(name="first_norm")(x)
    return keras.Model(image, layers.Conv2D(2, 3, name="second")(x))


def inner(built):
    return keras.Model(built.inputs[0], built.outputs[0], name="encoder_tiny")


def learnt(bands, **fields):
    built = whole(bands, **fields)
    generator = np.random.default_rng(0)
    built.set_weights([generator.uniform(0.1, 1, w.shape) for w in built.weights])
    return built


def loaded(path, *, bands=RGB, shown="torch", **fields):
    network = inner(whole(len(bands), **fields))
    load_weights(
        network,
        path,
        whole=lambda count: whole(count, **fields),
        inner=inner,
        shown=SHOWN[shown],
        bands=bands,
    )
    return network


def save(built, path):
    if path.suffix == ".keras":
        built.save(path)
    elif path.name.endswith(".weights.h5"):
        built.save_weights(path)
    else:  # as the files that Keras offers were written
        from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

        with h5py.File(path, "w") as file:
            save_weights_to_hdf5_group(file, built)
    return path


@pytest.fixture(scope="module")
def photograph():
    """Values of 0 to 255, `(1, height, width, 3)`."""
    return np.random.default_rng(1).uniform(0, 255, (1, 8, 8, 3)).astype(np.float32)


def normalised(photograph):
    return ((photograph / 255 - MEAN) / DEVIATION).astype(np.float32)


@pytest.mark.parametrize("name", ["a.weights.h5", "a_notop.h5", "a.keras"])
def test_reads_every_format_of_keras(tmp_path, name):
    built = learnt(3)
    found = loaded(save(built, tmp_path / name))
    for a, b in zip(found.get_weights(), built.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("use_bias", [False, True], ids=["normalisation", "bias"])
@pytest.mark.parametrize("shown", list(PREPARE))
def test_takes_our_images_as_it_takes_photographs(tmp_path, photograph, shown, use_bias):
    built = learnt(3, use_bias=use_bias)
    network = loaded(save(built, tmp_path / "a.weights.h5"), shown=shown, use_bias=use_bias)
    wanted = np.asarray(built(PREPARE[shown](photograph)))
    found = np.asarray(network(normalised(photograph)))
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def test_any_order_of_colours(tmp_path, photograph):
    path = save(learnt(3), tmp_path / "a.weights.h5")
    image = normalised(photograph)
    turned = loaded(path, bands=RGB[::-1], shown="tf")(image[..., ::-1])
    np.testing.assert_allclose(turned, loaded(path, shown="tf")(image), rtol=1e-4)


def test_bands_that_are_no_colour_get_the_mean_of_the_colours(tmp_path):
    path = save(learnt(3), tmp_path / "a.weights.h5")
    colour = loaded(path).get_weights()[0]
    four = loaded(path, bands=("nir", "blue", "green", "red")).get_weights()[0]
    np.testing.assert_allclose(four[:, :, 1:], colour[:, :, ::-1] * 0.75, rtol=1e-6)
    np.testing.assert_allclose(four[:, :, 0], colour.mean(axis=2) * 0.75, rtol=1e-5)
    one = loaded(path, bands=("panchromatic",)).get_weights()[0]
    np.testing.assert_allclose(one[:, :, 0], colour.sum(axis=2), rtol=1e-5)


def test_as_many_bands_are_taken_as_they_are(tmp_path):
    built = learnt(4)
    path = save(built, tmp_path / "four.weights.h5")
    found = loaded(path, bands=("a", "b", "c", "d"), shown="caffe")
    assert np.array_equal(found.get_weights()[0], built.get_weights()[0])
    with pytest.raises(ModelError, match=r"four\.weights\.h5.*for 4 bands.*data has 2 \(a, b\)"):
        loaded(path, bands=("a", "b"))


def test_the_hash_is_checked(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"weights")
    right = hashlib.sha256(b"weights").hexdigest()
    check_file(path, sha256=right.upper())
    with pytest.raises(ModelError, match=rf"a\.h5 is {right}, and `encoder.sha256` states 000"):
        check_file(path, sha256="0" * 64)
    with pytest.raises(ModelError, match=r"states none.*if you trust its source"):
        check_file(path, sha256="")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no\.h5.*nothing is downloaded.*weights: null"):
        check_file(tmp_path / "no.h5", sha256="")


@pytest.mark.parametrize("name", ["weights.h5", "weights.keras"])
def test_a_file_of_another_kind_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_text("no weights")
    with pytest.raises(ModelError, match=r"weights\.\w+ is no file of weights.*\.keras"):
        loaded(path)


@pytest.mark.parametrize("lacking", ["second", "first_norm"])
@pytest.mark.parametrize("name", ["a.weights.h5", "a_notop.h5"])
def test_a_file_without_some_layers_is_named(tmp_path, name, lacking):
    path = save(learnt(3), tmp_path / name)
    with h5py.File(path, "a") as file:
        if name.endswith(".weights.h5"):
            del file["layers"][{"second": "conv2d_1", "first_norm": "batch_normalization"}[lacking]]
        else:
            names = [name for name in file.attrs["layer_names"] if name != lacking]
            file.attrs["layer_names"] = names
    with pytest.raises(ModelError, match=r"a\w*\..*h5 does not hold the weights of tiny"):
        loaded(path)


def test_a_file_of_another_network_is_named(tmp_path):
    path = save(learnt(3, channels=7), tmp_path / "other.weights.h5")
    with pytest.raises(ModelError, match=r"other.*lacks the first layer.*\(3, 3, bands, 5\)"):
        loaded(path)


def test_no_layer_is_left_as_noise(tmp_path):
    """A file that would fill all but one layer changes nothing."""
    path = save(learnt(3), tmp_path / "a.weights.h5")
    broken = tmp_path / "b.weights.h5"
    shutil.copy(path, broken)
    with h5py.File(broken, "a") as file:
        del file["layers/conv2d_1"]
    network = inner(whole(3))
    before = network.get_weights()
    with pytest.raises(ModelError):
        load_weights(network, broken, whole=whole, inner=inner, shown=SHOWN["torch"], bands=RGB)
    assert all(np.array_equal(a, b) for a, b in zip(network.get_weights(), before, strict=True))
