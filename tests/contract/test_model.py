"""What every model promises, tested for each YAML in `conf/model/`."""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import list_parts, load_part
from factory_core.models.operations import cost_of
from factory_core.train import export
from factory_core.train.reproducible import pin
from tests.contract.declare_models import DECLARED
from tests.contract.networks import (
    ARCHITECTURES,
    built,
    changed,
    network_of,
    small,
    some_labels,
    stats_for,
    stirred,
)
from tests.models.compose import CLASSES, model_from_yaml

THREADS = 2
# At most, and between two looks at what has been learnt.
STEPS, LOOK_STEPS = 200, 25


@pytest.fixture(autouse=True, scope="module")
def _pinned():
    pin(seed=0, threads=THREADS)


def case(name, *more):
    # To import keras-hub takes seconds.
    return pytest.param(name, *more, marks=[pytest.mark.slow] if name.startswith("hub_") else [])


# Of the module, so that all tests of one architecture follow each other.
@pytest.fixture(params=[case(name) for name in ARCHITECTURES], scope="module")
def name(request):
    return request.param


def those_with(**values):
    """Each architecture with each of the fields that it has, and the value that is given."""
    return [
        case(part.name, field, value)
        for part in list_parts("model")
        for field, value in values.items()
        if field in part.fields
    ]


def task_of(name):
    part = next(part for part in list_parts("model") if part.name == name)
    module, _, model = part.target.rpartition(".")
    return getattr(importlib.import_module(module), model).task


@pytest.mark.slow
def test_costs_what_is_declared(name):
    """The whole model of its YAML, for 2 classes in windows of 256 pixels and 3 bands.

    Meant to change? `python -m tests.contract.declare_models` writes the table anew.
    """
    model = changed(name)
    network = network_of(model, side_px=256, weights=False)
    cost = cost_of(network)
    declared = json.loads(DECLARED.read_text())[name]
    assert (cost.parameters, cost.operations) == (declared["parameters"], declared["operations"])
    assert cost.uncounted == ()
    assert_decodes(model, network)


def assert_decodes(model, network):
    """The outputs of a network, and what is deployed, have the shapes of the contract."""
    _, rows, columns, _ = network.input_shape
    found = {key: value.shape for key, value in model.decode(network.output).items()}
    if model.task == "score_map":
        assert found == {"scores": (None, rows, columns, len(CLASSES))}
    else:
        count = found["scores"][1]
        numbers = {"boxes": 4, "oriented_boxes": 5}[model.task]
        shapes = {
            "boxes": (None, count, numbers),
            "scores": (None, count),
            "classes": (None, count),
        }
        assert found == shapes


def test_refuses_a_loss_of_another_kind(name):
    other = "cross_entropy_dice" if task_of(name) != "score_map" else "centre_focal"
    with pytest.raises(ConfigError, match=r"model\.loss.*Received"):
        changed(name, loss=load_part("loss", other))


@pytest.mark.parametrize(("name", "field", "none"), those_with(width=0, depth=0))
def test_refuses_no_width_and_no_depth(name, field, none):
    with pytest.raises(ConfigError, match=f"{field}=0"):
        changed(name, **{field: none})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bands", "times"), [(1, 3), (4, 1), (8, 2)], ids=["1 band", "4 bands", "8 bands"]
)
def test_takes_any_bands_and_any_sides_that_it_divides(name, bands, times):
    """Three bands are those of all other tests."""
    model = small(name)
    side_px = times * model.divisor_px
    network = network_of(model, bands=bands, side_px=side_px, weights=False)
    assert network.input_shape == (None, side_px, side_px, bands)
    assert_decodes(model, network)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "field", "more"), those_with(width=8, depth=2), scope="module")
def test_width_and_depth_change_its_size(name, field, more):
    larger = dataclasses.replace(small(name), **{field: more})
    network = network_of(larger, side_px=larger.divisor_px, weights=False)
    assert network.count_params() > built(name).network.count_params()


@pytest.mark.slow
def test_is_the_same_for_the_same_seed(name):
    model = small(name)
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        weights.append(network_of(model, side_px=model.divisor_px).get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.slow
def test_steps_on_one_batch_make_the_loss_fall(name):
    one = built(name)
    loss = np.asarray(one.model.loss(one.targets(), one.network(one.images())))
    assert loss.shape == (2,)
    # Step by step: to compile takes ten times as long as three steps.
    one.network.compile(
        optimizer=keras.optimizers.AdamW(3e-3), loss=one.model.loss, run_eagerly=True
    )
    images, targets = one.images().astype(np.float32), one.targets()
    losses = [float(one.network.train_on_batch(images, targets)) for _ in range(3)]
    assert np.isfinite(losses).all()
    # What gfl learns is how good its boxes are: while they get better its loss rises. That it
    # falls in the end is seen below, where it learns a window by heart.
    if name != "gfl":
        assert losses[2] < losses[0]


@pytest.mark.slow
def test_deployed_gives_what_its_task_promises(name):
    one = stirred(name)
    found = {key: np.asarray(value) for key, value in one.deployed(one.images()).items()}
    assert found["scores"].dtype == np.float32
    assert found["scores"].min() >= 0
    assert found["scores"].max() <= 1
    assert found["scores"].max() > 1.02 * found["scores"].min()  # or nothing is compared below
    if one.model.task != "score_map":
        assert np.isfinite(found["boxes"]).all()
        assert found["classes"].dtype == np.int32
        assert set(np.unique(found["classes"])) <= set(range(len(CLASSES)))
        assert (np.diff(found["scores"]) <= 0).all()


@pytest.mark.slow
def test_is_the_same_after_saving_and_loading(name, tmp_path):
    one = stirred(name)
    export.write_keras(one.deployed, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    wanted, found = one.deployed(one.images()), again(one.images())
    for key, value in wanted.items():
        np.testing.assert_array_equal(value, found[key], err_msg=key)


@pytest.mark.slow
def test_onnx_gives_what_keras_gives(name, tmp_path):
    one = stirred(name)
    path, task = tmp_path / "model.onnx", one.model.task
    export.write_onnx(one.deployed, path, task=task, stats=stats_for(one.model))
    export.check_onnx(path, one.deployed, one.images(), threads=THREADS)


@pytest.fixture(scope="module")
def jax_outputs(request, tmp_path_factory):
    """Outputs by JAX of every architecture that is tested in this run, by one process."""
    folder = tmp_path_factory.mktemp("jax")
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    for architecture in {
        c.params["architecture"] for c in calls if c and "architecture" in c.params
    }:
        one = stirred(architecture)
        np.savez(folder / architecture, one.images(), *one.deployed.get_weights())
    # Unoptimised, or the compiler takes most of the time.
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.forward_with_jax", str(folder)],
        cwd=Path(__file__).parents[2],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_jax_gives_what_tensorflow_gives(architecture, jax_outputs):
    one = stirred(architecture)
    wanted = {key: np.asarray(value) for key, value in one.deployed(one.images()).items()}
    error = jax_outputs / f"{architecture}.error.txt"
    assert not error.exists(), error.read_text()
    found = dict(np.load(jax_outputs / f"{architecture}.found.npz"))
    assert export.difference(wanted, found, side_px=one.side_px) <= export.TOLERANCE


# Score maps share targets and decoding: one of them stands for all. Of box models those that
# `tests/models/boxes/test_learning.py` asks more of are left out.
BY_HEART = ["unet", *(name for name in ARCHITECTURES if task_of(name) != "score_map")]
BY_HEART = [name for name in BY_HEART if name not in ("fcos", "oriented_fcos")]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", BY_HEART)
def test_learns_one_window_by_heart(architecture):
    """The whole of a model: targets, loss, network and decoding fit each other."""
    model = built(architecture).model
    side_px = built(architecture).side_px
    keras.utils.set_random_seed(0)
    network = network_of(model, side_px=side_px)
    images = (built(architecture).images().astype(np.float32) - 105) / 50
    network.compile(optimizer=keras.optimizers.AdamW(1e-2), loss=model.loss)
    qualities = []
    while len(qualities) * LOOK_STEPS < STEPS and max(qualities, default=0) <= 0.8:
        for _ in range(LOOK_STEPS):
            network.train_on_batch(images, built(architecture).targets())
        outputs = model.decode(ops.convert_to_tensor(network.predict_on_batch(images)))
        found = {key: np.asarray(value) for key, value in outputs.items()}
        qualities.append(model.measure(built(architecture).labels(), found))
    assert qualities[-1] > 0.8, qualities


@pytest.mark.parametrize("name_of_form", ["unet", "centernet"])
def test_measure_goes_from_nothing_to_all(name_of_form):
    model = model_from_yaml(name_of_form)
    labels = some_labels(model)
    if model.task == "score_map":
        right = np.eye(len(CLASSES) + 1, dtype=np.float32)[np.stack(labels)][..., 1:]
        wrong, perfect = {"scores": np.zeros_like(right)}, {"scores": right}
    else:
        boxes = labels[0]
        perfect = {
            "boxes": np.stack([boxes.xyxy_px, boxes.xyxy_px]),
            "scores": np.array([[0.9, 0.8], [0.0, 0.0]], np.float32),
            "classes": np.array([[0, 1], [0, 0]]),
        }
        wrong = perfect | {"boxes": perfect["boxes"] + 100}
    assert model.measure(labels, perfect) == 1
    assert model.measure(labels, wrong) == 0
