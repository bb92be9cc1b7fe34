"""The stage train, on a tiny dataset."""

import hashlib
import json
import re
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from omegaconf import OmegaConf
from PIL import Image

from factory_core.dataset.shards import Shards
from factory_core.dataset.stage import run as run_dataset
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, LabelError, ModelError, OutputError
from factory_core.kernel.parts import load_part
from factory_core.train import stage
from factory_core.train.export import check_onnx
from factory_core.train.fit import Training
from tests.tiny_dataset import config, write_inputs

TASKS = ["boxes", "score_map"]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    inputs = write_inputs(root)
    for task in TASKS:
        run_dataset(config(task=task), **inputs, out=root / task)
    return root


@pytest.fixture(scope="module", params=[pytest.param("boxes", marks=pytest.mark.slow), "score_map"])
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
    pictures = root / "curves/plots/images/validation"
    assert names_in(pictures) == ["epoch_0001.png", "epoch_0002.png"]
    with Image.open(pictures / "epoch_0001.png") as picture:
        width, height = picture.size
        colours = {colour for _, colour in picture.convert("RGB").getcolors(width * height)}
    assert width == 8 + 3 * (224 + 8)
    assert height == 22 * 3 + 4 * (224 + 8)
    assert (86, 180, 233) in colours  # of the class, in the legend
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
def test_another_process_gives_the_same_bytes(trained, datasets, forks, tmp_path):
    task, root = trained
    OmegaConf.save(config(task=task), tmp_path / "params.yaml")
    assert forks.run(SCRIPT, tmp_path, datasets / task) == 0, (tmp_path / "log").read_text()
    for name in ("model", "curves"):
        assert bytes_of(tmp_path / name) == bytes_of(root / name)


SCRIPT = """
import sys
from pathlib import Path
from omegaconf import OmegaConf
from factory_core.train import stage
config = OmegaConf.load("params.yaml")
dataset, out, curves = Path(sys.argv[1]), Path("model"), Path("curves")
stage.run(config, dataset=dataset, out=out, curves=curves, member=0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("trained", ["score_map"], indirect=True)
def test_members_differ(datasets, trained, tmp_path):
    task, root = trained
    train(datasets / task, tmp_path, task=task, member=1, train__members=[0, 1])
    here, there = bytes_of(tmp_path), bytes_of(root)
    assert here["model/model.keras"] != there["model/model.keras"]


@pytest.mark.slow
def test_stops_early_and_keeps_the_latest_that_is_as_good_as_the_best(
    datasets, tmp_path, monkeypatch
):
    qualities = iter([0.2, 0.5, 0.41, 0.3, 0.9])
    seen = []

    def measured(network, model, val, *, train):
        seen.append(network.get_weights())
        # One standard error of 0.5 of 25 is 0.1.
        return 1.0, next(qualities), 25.0

    monkeypatch.setattr("factory_core.train.fit.measure", measured)
    train(datasets / "score_map", tmp_path, task="score_map", train__epochs=6, train__patience=2)
    assert len(seen) == 4
    kept = keras.models.load_model(tmp_path / "model/model.keras").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(kept, seen[2], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "precision"), [("boxes", "mixed_float16"), ("score_map", "mixed_bfloat16")]
)
def test_mixed_precision_keeps_a_model_of_each_cycle_in_float32(
    datasets, tmp_path, monkeypatch, task, precision
):
    trained = []
    step = Training.step

    def watched(self, images, target):
        trained.append(self.network)
        return step(self, images, target)

    monkeypatch.setattr(Training, "step", watched)
    train(
        datasets / task,
        tmp_path,
        task=task,
        train__precision=precision,
        train__epochs=2,
        train__average=load_part("average", "swa"),
        schedule={"_target_": "factory_core.train.schedules.CosineCycles", "cycles": 2},
        optimizer__gradient_accumulation_steps=2,
    )
    network = trained[0]
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
    half = precision.removeprefix("mixed_")
    assert {layer.compute_dtype for layer in convolutions} >= {half}
    assert isinstance(network.optimizer, keras.optimizers.LossScaleOptimizer) == (half == "float16")
    assert keras.config.dtype_policy().name == "float32"
    assert names_in(tmp_path / "model") == ["1", "2"]
    kept = [keras.models.load_model(tmp_path / f"model/{n}/model.keras") for n in (1, 2)]
    for model in kept:
        assert {layer.compute_dtype for layer in model._flatten_layers()} == {"float32"}
    first, second = (model.get_weights() for model in kept)
    assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.slow
def test_one_window_is_enough(datasets, tmp_path):
    dataset = tmp_path / "dataset"
    copy_windows(datasets / "score_map", dataset, count=1)
    train(dataset, tmp_path, task="score_map", train__epochs=2)
    assert (tmp_path / "model/model.onnx").is_file()


def copy_windows(source, target, *, count=4, change=None):
    """A dataset of the first windows of another; `change` makes arrays of train by their name."""
    for split in ("train", "val"):
        (target / split).mkdir(parents=True)
        for name in ("images", "masks"):
            array = np.load(source / split / f"{name}-00000.npy")[:count]
            if change is not None and split == "train":
                array = change(name, array)
            np.save(target / split / f"{name}-00000.npy", array)
        windows = io.read_table(source / split / "windows.parquet")[:count]
        io.write_table(windows, target / split / "windows.parquet")
    stats = io.read_json(source / "stats.json")
    stats["windows"] = dict.fromkeys(("train", "val"), count)
    io.write_json(stats, target / "stats.json")


def two_classes(dataset):
    stats = io.read_json(dataset / "stats.json")
    io.write_json(stats | {"classes": ["round", "square"]}, dataset / "stats.json")


def one_band_more(dataset):
    stats = io.read_json(dataset / "stats.json")
    io.write_json(stats | {"bands": [*stats["bands"], "nir"]}, dataset / "stats.json")


@pytest.mark.parametrize(
    ("change", "then", "error", "said"),
    [
        pytest.param(
            lambda name, array: array * (name == "images"), None, LabelError,
            "train has no label of square", id="no label",
        ),
        pytest.param(
            None, two_classes, LabelError, "labels of round only.*2 classes", id="one class of two"
        ),
        pytest.param(
            lambda _, array: array[:0], None, ModelError,
            "images-00000.npy holds no window", id="empty shard",
        ),
        pytest.param(
            lambda _, array: array[:2], None, ModelError,
            "train holds 2 windows.*stats.json states 4", id="lost windows",
        ),
        pytest.param(
            None, one_band_more, ModelError,
            r"train have 3 bands, and its stats.json states 4 \(.*nir\)", id="other bands",
        ),
        pytest.param(
            None, lambda dataset: (dataset / "val/images-00000.npy").write_bytes(b""), OutputError,
            "val/images-00000.npy is damaged", id="empty file",
        ),
    ],
)  # fmt: skip
def test_bad_windows(datasets, tmp_path, change, then, error, said):
    dataset = tmp_path / "dataset"
    copy_windows(datasets / "score_map", dataset, change=change)
    if then is not None:
        then(dataset)
    refuses(tmp_path, error, said, dataset=dataset, task="score_map")


def refuses(root, error, said, *, dataset, member=0, **changes):
    """The error names what is wrong, and what was there before stays."""
    (root / "model").mkdir(exist_ok=True)
    (root / "model/model.onnx").write_text("before")
    with pytest.raises(error, match=said) as found:
        train(dataset, root, member=member, **changes)
    assert (root / "model/model.onnx").read_text() == "before"
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"model__encoder__depth": 6}, r"window_px.*64.*Received: 32", id="window"),
        pytest.param({"train__epochs": 0}, "epochs=0", id="no epoch"),
        pytest.param({"train__epoch": 1}, "'epoch'.*'epochs'", id="misspelt"),
        pytest.param({"train__precision": "float16"}, "'mixed_float16'", id="unknown precision"),
        pytest.param({"optimizer__use_ema": True}, "average: moving", id="another average"),
        pytest.param({"schedule__warmup_epochs": 3.0}, "warmup_epochs.*3", id="only warm-up"),
        pytest.param(
            {"schedule": load_part("schedule", "cosine_cycles")}, "train.epochs: 5", id="cycles"
        ),
        pytest.param({"member": 3}, r"no member 3.*\[0\]", id="no such member"),
        pytest.param({"model__width": "8"}, "model.width.*int", id="wrong type"),
        pytest.param({"optimizer__learning_rate": -1}, "above 0. Received: -1", id="uphill"),
        pytest.param({"optimizer__learning_rat": 0.1}, "learning_rat", id="unknown of Keras"),
        pytest.param(
            {"optimizer__learning_rate": {"_target_": "keras.optimizers.schedules.CosineDecay"}},
            "learning_rate.*must be a number.*Cosine",
            id="two schedules",
        ),
    ],
)
def test_bad_settings(datasets, tmp_path, change, said):
    refuses(tmp_path, ConfigError, said, dataset=datasets / "boxes", **change)


def test_a_model_for_other_labels(datasets, tmp_path):
    said = "CenterNet.*boxes.*mask"
    refuses(tmp_path, ConfigError, said, dataset=datasets / "score_map", task="boxes")


def test_a_loss_that_is_no_number_leaves_the_batch_to_look_at(datasets, tmp_path):
    said = r"loss is (nan|inf) in batch \d of epoch 0 \(windows (\d)"
    found = refuses(
        tmp_path,
        ModelError,
        said,
        dataset=datasets / "score_map",
        task="score_map",
        optimizer={"_target_": "keras.optimizers.SGD", "learning_rate": 1e30},
        schedule=load_part("schedule", "constant"),
        train__epochs=3,
        train__batch_size=1,
    )
    (file,) = tmp_path.glob(".model.*/bad_batch.npz")
    assert str(file) in str(found.value)
    window = int(re.search(said, str(found.value)).group(2))
    with np.load(file) as batch:
        assert batch["windows"].tolist() == [window]
        assert (batch["images"].shape, batch["target"].shape) == ((1, 32, 32, 3), (1, 32, 32, 1))
        rows = io.read_table(datasets / "score_map/train/windows.parquet")
        place = rows.loc[window, ["row_px", "column_px"]].tolist()
        assert batch["names"].tolist() == [f"scene_0 {place[0]} {place[1]}"]


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
