"""The stage train, on a tiny dataset."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from omegaconf import OmegaConf

from factory_core.dataset.shards import Shards
from factory_core.dataset.stage import run as run_dataset
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, ModelError
from factory_core.train import checkpoint, stage
from factory_core.train.export import check_onnx
from tests.tiny_dataset import config, write_inputs

TASKS = ["boxes", "score_map"]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    inputs = write_inputs(root)
    for task in TASKS:
        run_dataset(config(task=task), **inputs, out=root / task)
    return root


@pytest.fixture(scope="module", params=TASKS)
def trained(request, datasets, tmp_path_factory):
    """Task, folder of a finished training."""
    root = tmp_path_factory.mktemp("trained")
    train(datasets / request.param, root, task=request.param)
    return request.param, root


def train(dataset, root, *, member=0, **changes):
    stage.run(
        config(**changes), dataset=dataset, out=root / "model", curves=root / "curves",
        member=member,
    )  # fmt: skip


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def bytes_of(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_writes_a_model_and_its_curves(trained):
    _, root = trained
    assert names_in(root / "model") == ["model.keras", "model.onnx"]
    assert json.loads((root / "curves/metrics.json").read_text())["step"] == 2
    plots = root / "curves/plots/metrics"
    for name in ("train/loss.tsv", "val/loss.tsv", "val/quality.tsv", "learning_rate.tsv"):
        assert len((plots / name).read_text().splitlines()) == 1 + 3
    assert names_in(root) == ["curves", "model"]


def test_onnx_is_what_prediction_expects(trained, datasets):
    task, root = trained
    session = onnxruntime.InferenceSession(root / "model/model.onnx")
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["batch", 32, 32, 3])
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["task"] == task
    assert json.loads(properties["classes"]) == ["square"]
    assert json.loads(properties["bands"]) == ["red", "green", "blue"]
    assert float(properties["resolution_m"]) == 0.5
    val = Shards(datasets / task / "val")
    for batch in (1, 3):
        images = np.stack([val[i].image for i in range(batch)]).astype(np.uint8)
        names = [port.name for port in session.get_outputs()]
        outputs = dict(zip(names, session.run(names, {"image": images}), strict=True))
        wanted = {"scores"} if task == "score_map" else {"boxes", "scores", "classes"}
        assert set(outputs) == wanted
        assert all(len(value) == batch for value in outputs.values())


def test_keras_file_gives_the_same_scores(trained, datasets):
    task, root = trained
    model = keras.models.load_model(root / "model/model.keras")
    images = np.stack([Shards(datasets / task / "val")[0].image]).astype(np.uint8)
    check_onnx(root / "model/model.onnx", model, images, threads=1)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(trained, datasets, tmp_path):
    task, root = trained
    train(datasets / task, tmp_path, task=task)
    assert bytes_of(tmp_path) == bytes_of(root)


@pytest.mark.slow
def test_another_process_gives_the_same_bytes(trained, datasets, tmp_path):
    task, root = trained
    run_in_another_process(datasets / task, tmp_path, task=task)
    assert bytes_of(tmp_path) == bytes_of(root)


SCRIPT = """
import sys
from pathlib import Path
from omegaconf import OmegaConf
from factory_core.train import stage
dataset, root = map(Path, sys.argv[1:3])
config = OmegaConf.load(root / "params.yaml")
stage.run(config, dataset=dataset, out=root / "model", curves=root / "curves", member=0)
"""


def run_in_another_process(dataset, root, *, before="", **changes):
    OmegaConf.save(config(**changes), root / "params.yaml")
    done = subprocess.run(
        [sys.executable, "-c", before + SCRIPT, str(dataset), str(root)], check=False
    )
    (root / "params.yaml").unlink()
    return done.returncode


@pytest.mark.slow
def test_members_differ(datasets, trained, tmp_path):
    task, root = trained
    train(datasets / task, tmp_path, task=task, member=1, train__members=[0, 1])
    here, there = bytes_of(tmp_path), bytes_of(root)
    assert here["model/model.keras"] != there["model/model.keras"]


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["boxes"], indirect=True)
def test_goes_on_after_a_kill_to_the_same_bytes(trained, datasets, tmp_path, monkeypatch):
    task, root = trained
    epochs = count_epochs(monkeypatch, stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        train(datasets / task, tmp_path, task=task)
    assert not (tmp_path / "model").exists()
    epochs.clear()
    train(datasets / task, tmp_path, task=task)
    assert len(epochs) == 1
    assert bytes_of(tmp_path) == bytes_of(root)


@pytest.mark.slow
def test_goes_on_after_sigkill_to_the_same_bytes(trained, datasets, tmp_path):
    task, root = trained
    kill = (
        "import os, signal\nfrom factory_core.train import checkpoint\n"
        "save = checkpoint.Progress.save\n"
        "def save_and_die(self, folder, **options):\n"
        "    save(self, folder, **options)\n"
        "    if len(self.curves) == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "checkpoint.Progress.save = save_and_die\n"
    )
    assert run_in_another_process(datasets / task, tmp_path, before=kill, task=task) == -9
    assert not (tmp_path / "model").exists()
    assert run_in_another_process(datasets / task, tmp_path, task=task) == 0
    assert bytes_of(tmp_path) == bytes_of(root)


def count_epochs(monkeypatch, *, stop_after=None):
    """Epochs that were trained; raises as a kill would once `stop_after` are saved."""
    epochs = []
    save = checkpoint.Progress.save

    def counted(self, folder, **options):
        save(self, folder, **options)
        epochs.append(len(self.curves))
        if len(self.curves) == stop_after:
            monkeypatch.setattr(checkpoint.Progress, "save", save_and_count)
            raise KeyboardInterrupt

    def save_and_count(self, folder, **options):
        save(self, folder, **options)
        epochs.append(len(self.curves))

    monkeypatch.setattr(checkpoint.Progress, "save", counted)
    return epochs


@pytest.mark.slow
def test_stops_early_and_keeps_the_best(datasets, tmp_path, monkeypatch):
    qualities = iter([0.2, 0.5, 0.4, 0.5, 0.3, 0.9])
    seen = []

    def measured(network, model, val, *, train):
        seen.append(network.get_weights())
        return 1.0, next(qualities)

    monkeypatch.setattr("factory_core.train.fit.measure", measured)
    train(datasets / "score_map", tmp_path, task="score_map", train__epochs=6, train__patience=2)
    assert len(seen) == 4
    kept = keras.models.load_model(tmp_path / "model/model.keras").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(kept, seen[1], strict=True))


@pytest.mark.slow
def test_one_window_is_enough(datasets, tmp_path):
    dataset = tmp_path / "dataset"
    copy_windows(datasets / "score_map", dataset, count=1)
    train(dataset, tmp_path, task="score_map", train__epochs=1)
    assert (tmp_path / "model/model.onnx").is_file()


def copy_windows(source, target, *, count, change=None):
    """A dataset of the first windows of another, their images changed."""
    for split in ("train", "val"):
        (target / split).mkdir(parents=True)
        for name in ("images", "masks"):
            array = np.load(source / split / f"{name}-00000.npy")[:count]
            if name == "images" and change is not None:
                array = change(array)
            np.save(target / split / f"{name}-00000.npy", array)
    stats = io.read_json(source / "stats.json")
    io.write_json(stats, target / "stats.json")


def refuses(root, error, said, *, dataset, member=0, **changes):
    """The error names what is wrong, and what was there before stays."""
    (root / "model").mkdir(exist_ok=True)
    (root / "model/model.onnx").write_text("before")
    with pytest.raises(error, match=said):
        train(dataset, root, member=member, **changes)
    assert (root / "model/model.onnx").read_text() == "before"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"model__encoder__depth": 6}, r"window_px.*64.*Received: 32", id="window"),
        pytest.param({"train__epochs": 0}, "epochs=0", id="no epoch"),
        pytest.param({"train__epoch": 1}, "'epoch'.*'epochs'", id="misspelt"),
        pytest.param({"train__decay": "cosin"}, "'cosine'", id="unknown decay"),
        pytest.param({"member": 3}, r"no member 3.*\[0\]", id="no such member"),
        pytest.param({"model__width": "8"}, "model.width.*int", id="wrong type"),
        pytest.param({"optimizer__learning_rat": 0.1}, "learning_rat", id="unknown of Keras"),
        pytest.param(
            {"optimizer__learning_rate": {"_target_": "keras.optimizers.schedules.CosineDecay"}},
            "learning_rate.*must be a number",
            id="two schedules",
        ),
    ],
)
def test_bad_settings(datasets, tmp_path, change, said):
    refuses(tmp_path, ConfigError, said, dataset=datasets / "boxes", **change)


def test_a_model_for_other_labels(datasets, tmp_path):
    said = "CenterNet.*boxes.*mask"
    refuses(tmp_path, ConfigError, said, dataset=datasets / "score_map", task="boxes")


def test_a_loss_that_is_no_number_names_the_batch(datasets, tmp_path):
    refuses(
        tmp_path,
        ModelError,
        r"loss is (nan|inf) in batch \d of epoch 0 \(windows \d",
        dataset=datasets / "score_map",
        task="score_map",
        optimizer={
            "_target_": "keras.optimizers.SGD",
            "learning_rate": 1e30,
        },
        train__epochs=3,
        train__batch_size=1,
        train__warmup_epochs=0,
    )


def test_an_onnx_file_that_computes_otherwise(trained, datasets, tmp_path):
    task, root = trained
    proto = onnx.load(root / "model/model.onnx")
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor) * np.float32(1.1)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    path = Path(tmp_path / "other.onnx")
    onnx.save(proto, path)
    model = keras.models.load_model(root / "model/model.keras")
    images = np.stack([Shards(datasets / task / "val")[0].image]).astype(np.uint8)
    with pytest.raises(ModelError, match=r"other\.onnx differs from Keras by"):
        check_onnx(path, model, images, threads=1)
