"""Precision: what changes of a model, what it costs, and that it is refused beyond the bound."""

from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, ModelError, SelectionError
from factory_core.predict import change, precision, stage
from factory_core.predict.accuracy import measure_loss
from factory_core.predict.model import load_ensemble
from factory_core.predict.precision import Float16, Int8
from tests.onnx_models import write_box_model, write_network, write_score_model

FLOAT16 = {"_target_": "factory_core.predict.precision.Float16", "seed": 0}
FLOAT16 |= {"max_score_loss": 0.01, "check_windows": 6}
INT8 = {"_target_": "factory_core.predict.precision.Int8", "seed": 0, "max_score_loss": 0.1}
INT8 |= {"check_windows": 6, "calibration_windows": 6, "seven_bits": True}
HALF = Float16(max_score_loss=0.01, check_windows=4, seed=0)
EIGHT_BITS = Int8(
    max_score_loss=0.05, check_windows=4, calibration_windows=4, seven_bits=True, seed=0
)


def windows(count=4, bands=3, seed=0):
    chance = np.random.default_rng(seed)
    return chance.integers(1, 256, (count, 16, 16, bands)).astype(np.uint8)


@pytest.fixture
def detector(tmp_path, write_scene, write_selection):
    """Three scenes, one a split, and a network; gives the pixels of the test scene."""
    write_network(tmp_path / "models/0/model.onnx")
    chance = np.random.default_rng(5)
    grids = {
        name: write_scene(chance.integers(1, 256, (3, 40, 40)).astype(np.uint8), name=name)
        for name in ("train", "val", "test")
    }
    return write_selection(grids, split=("train", "val", "test"))


@pytest.fixture
def predict(tmp_path, config, detector):
    def run(split="test"):
        out = tmp_path / "predictions" / split
        stage.run(
            config,
            models=tmp_path / "models",
            scenes=tmp_path / "processed",
            selection=detector,
            split=split,
            out=out,
        )
        return out

    return run


@pytest.mark.parametrize("part", [HALF, EIGHT_BITS], ids=["float16", "int8"])
def test_a_changed_model_is_the_same_bytes_each_time_and_close(tmp_path, part):
    model = write_network(tmp_path / "0/model.onnx")
    files = [tmp_path / "one.onnx", tmp_path / "two.onnx"]
    for file in files:
        part.convert(model, file, windows=windows())
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0", "one.onnx", "two.onnx"]
    stated = {prop.key: prop.value for prop in onnx.load(files[0]).metadata_props}
    assert stated["precision"] == part.name
    assert stated["task"] == "score_map"
    exact, changed = load_ensemble([model]), load_ensemble([files[0]])
    assert changed.signature == exact.signature
    difference = np.abs(exact.score_maps(windows(seed=1)) - changed.score_maps(windows(seed=1)))
    assert 0 < difference.max() < 0.1


def test_only_what_lies_between_convolutions_changes(tmp_path):
    """Pixels up to 65535 and places of boxes do not fit 16 or 8 bits."""
    model = write_network(tmp_path / "0/model.onnx")
    half = tmp_path / "half.onnx"
    HALF.convert(model, half, windows=())
    graph = onnx.load(half).graph
    weights = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert weights["first"] == weights["third"] == onnx.TensorProto.FLOAT16
    assert weights["scale"] == weights["sharpness"] == onnx.TensorProto.FLOAT
    eight = tmp_path / "eight.onnx"
    EIGHT_BITS.convert(model, eight, windows=windows())
    kinds = [node.op_type for node in onnx.load(eight).graph.node]
    first, last = kinds.index("QuantizeLinear"), len(kinds) - kinds[::-1].index("DequantizeLinear")
    assert {"Sub", "Mul"} & set(kinds[:first])
    assert "Sigmoid" in kinds[last:]


def test_16_bits_take_branches_and_keep_the_rest_exact(tmp_path):
    """Two nodes that stay in 32 bits read the last convolution; pixels do not fit 16 bits."""
    model = write_network(tmp_path / "0/model.onnx", dtype="uint16", scale=2**-15, branched=True)
    half = tmp_path / "half.onnx"
    HALF.convert(model, half, windows=())
    onnx.checker.check_model(onnx.load(half))
    image = np.random.default_rng(3).integers(65000, 65536, (2, 16, 16, 3)).astype(np.uint16)
    exact, changed = (load_ensemble([file]).score_maps(image) for file in (model, half))
    np.testing.assert_allclose(changed, exact, atol=0.005)
    assert (changed != changed.astype(np.float16)).any()


def test_8_bits_are_made_without_advice_of_the_library(tmp_path, caplog):
    model = write_box_model(tmp_path / "0/model.onnx", blur=0.1)
    EIGHT_BITS.convert(model, tmp_path / "int8.onnx", windows=windows(bands=1))
    assert caplog.messages == []


def test_boxes_stay_where_they_are_in_8_bits(tmp_path):
    model = write_box_model(tmp_path / "0/model.onnx", blur=0.1)
    file = tmp_path / "int8.onnx"
    EIGHT_BITS.convert(model, file, windows=windows(bands=1))
    loss = measure_loss(load_ensemble([model]), load_ensemble([file]), windows(bands=1, seed=2))
    assert loss.compared >= 4 * 12
    assert loss.mean < 0.05
    assert loss.iou > 0.8


def test_loss_of_maps_by_hand(tmp_path):
    """Scores of value / 255 and of half as much: pixels of 0, 40, 120 and 200."""
    models = [
        write_score_model(tmp_path / f"{number}/model.onnx", scale=scale / 255)
        for number, scale in enumerate((1.0, 0.5))
    ]
    image = np.zeros((1, 16, 16, 3), np.uint8)
    image[0, 0, :4, 0] = [0, 40, 120, 200]
    loss = measure_loss(*(load_ensemble([model]) for model in models), image)
    assert loss.compared == 3
    assert loss.mean == pytest.approx((20 + 60 + 100) / 3 / 255)
    assert loss.max == pytest.approx(100 / 255)
    assert loss.iou == 0  # of 200 / 255 and 100 / 255 only the first is over a half
    same = measure_loss(load_ensemble([models[0]]), load_ensemble([models[0]]), image)
    assert (same.mean, same.max, same.iou) == (0, 0, 1)


def test_loss_of_boxes_by_hand(tmp_path):
    """One object scores 200 and 180 of 255; another is lost: its whole score counts."""
    models = [
        write_box_model(tmp_path / f"{number}/model.onnx", blur=blur)
        for number, blur in enumerate((1e-9, 0.1))
    ]
    image = np.zeros((1, 16, 16, 1), np.uint8)
    image[0, 5, 5] = 200
    loss = measure_loss(*(load_ensemble([model]) for model in models), image)
    assert loss.compared == 1
    assert loss.mean == pytest.approx(20 / 255, abs=1e-6)
    assert loss.iou == 1
    none = np.zeros((1, 16, 16, 1), np.uint8)
    exact = load_ensemble([models[0]])

    found = exact.boxes(none)
    blind = SimpleNamespace(boxes=lambda _: found)
    assert measure_loss(exact, blind, none).iou is None  # there is nothing to be found
    lost = measure_loss(exact, blind, image)
    assert lost.mean == lost.max == pytest.approx(200 / 255)
    assert lost.iou == 0


@pytest.mark.parametrize("part", [FLOAT16, INT8], ids=["float16", "int8"])
def test_stage_runs_the_changed_model_and_reports_its_loss(config, predict, part, capsys):
    exact = io.read_score_map(predict() / "test.tif").scores.astype(int)
    config.predict.precision = part
    out = predict()
    assert sorted(file.name for file in out.iterdir()) == ["precision.json", "test.tif"]
    report = io.read_json(out / "precision.json")
    assert report["precision"] == part["_target_"].rpartition(".")[2].lower()
    assert report["windows"] == 6
    assert 0 < report["mean"] <= report["max_score_loss"]
    assert (
        f"differ from those of 32 bits by {report['mean']:.4f} in the mean"
        in capsys.readouterr().out
    )
    found = io.read_score_map(out / "test.tif").scores.astype(int)
    assert 0 < np.abs(found - exact).max() < 30 or part is FLOAT16
    assert np.abs(found - exact).mean() < 255 * report["max_score_loss"]


def test_refuses_what_costs_more_than_the_bound(tmp_path, config, predict):
    old = predict() / "test.tif"
    config.predict.precision = {**INT8, "max_score_loss": 1e-5}
    with pytest.raises(ModelError, match=r"over the bound of 1e-05.*float32.*max_score_loss"):
        predict()
    assert [file.name for file in old.parent.iterdir()] == ["test.tif"]


def test_a_killed_run_does_not_change_the_models_again(config, predict, monkeypatch):
    config.predict.precision = INT8
    write = stage._write
    monkeypatch.setattr(stage, "_write", _dies)
    with pytest.raises(KeyboardInterrupt):
        predict()
    monkeypatch.setattr(stage, "_write", write)
    monkeypatch.setattr(precision.Int8, "convert", None)
    monkeypatch.setattr(change, "measure_loss", None)
    assert (predict() / "precision.json").exists()


def _dies(engine, scene):
    raise KeyboardInterrupt


def test_refuses_a_model_that_overflows_in_16_bits(monkeypatch, config, predict):
    """On processors ONNX Runtime computes most of it in 32 bits, so the overflow is put in."""

    convert = Float16.convert

    def overflow(self, model, out, *, windows):
        infinite = write_network(model.with_name("infinite.onnx"), scale=np.inf)
        convert(self, infinite, out, windows=windows)

    monkeypatch.setattr(Float16, "convert", overflow)
    config.predict.precision = FLOAT16
    with pytest.raises(ModelError, match="do not bear precision=float16"):
        predict()


def test_refuses_to_judge_by_windows_without_any_score(tmp_path, config, predict):
    write_score_model(tmp_path / "models/0/model.onnx", scale=1e-6)
    config.predict.precision = FLOAT16
    with pytest.raises(ModelError, match="cannot be told"):
        predict()


def test_refuses_where_there_is_no_val(tmp_path, config, predict, write_scene, write_selection):
    config.predict.precision = INT8
    grid = write_scene(np.full((3, 16, 16), 9, np.uint8), name="test")
    write_selection({"test": grid})
    with pytest.raises(SelectionError, match="'train'"):
        predict()


def test_refuses_without_the_package_that_changes_models(config, predict, monkeypatch):
    config.predict.precision = INT8
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"factory-core\[train\]"):
        predict()


def test_a_model_runs_only_as_it_was_measured(tmp_path, config, predict):
    model = tmp_path / "models/0/model.onnx"
    half = tmp_path / "half.onnx"
    HALF.convert(model, half, windows=())
    half.replace(model)
    with pytest.raises(ModelError, match=r"computes in float16, and .* is float32"):
        predict()
