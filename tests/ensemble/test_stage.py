"""Weights of members: found on validation, written, and used."""

import numpy as np
import pytest
from omegaconf import OmegaConf

from factory_core.dataset.sample import Boxes, OrientedBoxes
from factory_core.ensemble.stage import run
from factory_core.ensemble.weights import Stacking
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, ModelError
from factory_core.predict.model import find_models, load_ensemble, read_weights
from tests.onnx_models import write_box_model, write_score_model

SIDE = 16


def weigh(root, *, weights="validation"):
    config = OmegaConf.create({"ensemble": {"weights": weights}})
    run(config, models=root / "models", dataset=root / "dataset", out=root / "ensemble.json")
    return io.read_json(root / "ensemble.json")


def write_windows(root):
    """Two windows of val: noise of three bands, the mask where the first is bright."""
    folder = root / "dataset/val"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(1, 255, (2, SIDE, SIDE, 3)).astype(np.uint8)
    np.save(folder / "images-00000.npy", images)
    np.save(folder / "masks-00000.npy", (images[..., 0] > 127).astype(np.uint8))
    return images


def test_the_member_that_knows_counts_most(tmp_path):
    images = write_windows(tmp_path)
    write_score_model(tmp_path / "models/0/model.onnx", window_px=SIDE)
    write_score_model(tmp_path / "models/1/model.onnx", window_px=SIDE, scale=0.2 / 255)
    found = weigh(tmp_path)
    assert found["weights"]["0"] > 0.95
    assert sum(found["weights"].values()) == pytest.approx(1)
    assert found["brier_score"]["weighted"] < found["brier_score"]["equal"]
    paths = find_models(tmp_path / "models")
    weights = read_weights(tmp_path / "ensemble.json", paths, folder=tmp_path / "models")
    scores = load_ensemble(paths, weights=weights).score_maps(images)
    share = weights[0] + 0.2 * weights[1]
    np.testing.assert_allclose(scores[..., 0], images[..., 0] / 255 * share, rtol=1e-5)


def test_members_that_are_alike_count_the_same(tmp_path):
    write_windows(tmp_path)
    for name in ("0/1", "0/2", "1"):
        write_score_model(tmp_path / f"models/{name}/model.onnx", window_px=SIDE)
    assert weigh(tmp_path)["weights"] == pytest.approx(dict.fromkeys(("0/1", "0/2", "1"), 1 / 3))


def test_one_model_is_not_even_opened(tmp_path):
    (tmp_path / "models/0").mkdir(parents=True)
    (tmp_path / "models/0/model.onnx").write_text("no model")
    assert weigh(tmp_path) == {"weights": {"0": 1.0}}


def test_equal_by_choice(tmp_path):
    for name in "01":
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.onnx").write_text("no model")
    assert weigh(tmp_path, weights="equal") == {"weights": {"0": 0.5, "1": 0.5}}


def test_what_a_killed_training_left_is_no_member(tmp_path):
    for name in ("0", "1", ".1.abc.partial", "1/.2"):
        write_score_model(tmp_path / f"models/{name}/model.onnx")
    found = find_models(tmp_path / "models")
    assert [path.parent.name for path in found] == ["0", "1"]


def test_weights_of_other_models(tmp_path):
    path = write_score_model(tmp_path / "models/0/model.onnx")
    io.write_json({"weights": {"0": 0.5, "1": 0.5}}, tmp_path / "ensemble.json")
    with pytest.raises(ModelError, match=r"ensemble.json weighs the models 0, 1, .* has 0"):
        read_weights(tmp_path / "ensemble.json", [path], folder=tmp_path / "models")
    io.write_json({"weights": {"0": 0.5}}, tmp_path / "ensemble.json")
    with pytest.raises(ModelError, match="add up to 1"):
        read_weights(tmp_path / "ensemble.json", [path], folder=tmp_path / "models")


def test_labels_of_another_kind(tmp_path):
    write_windows(tmp_path)
    for name in "01":
        write_box_model(tmp_path / f"models/{name}/model.onnx", window_px=SIDE)
    with pytest.raises(ConfigError, match="labels of another kind"):
        weigh(tmp_path)


BOX = np.array([[0, 0, 4, 4], [8, 8, 12, 12]], np.float32)
TURNED = np.array([[2, 2, 4, 4, 0], [10, 10, 4, 4, 0]], np.float32)


@pytest.mark.parametrize(("kind", "numbers"), [(Boxes, BOX), (OrientedBoxes, TURNED)])
def test_boxes_are_scaled_to_how_often_they_are_right(kind, numbers):
    labels = kind(numbers[:1], np.array([0]))
    both = kind(numbers, np.array([0, 0]))
    stacking = Stacking(3)
    stacking.add_boxes(0, kind(numbers[:1], np.array([0])), np.array([0.9]), labels)
    stacking.add_boxes(1, both, np.array([0.9, 0.9]), labels)  # half of them are false
    stacking.add_boxes(2, kind(numbers[:1], np.array([1])), np.array([0.9]), labels)  # other class
    weights = stacking.of_boxes()
    assert weights.sum() == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(0.5, rel=0.01)
    assert weights[2] < 0.01


def test_a_label_is_found_once():
    labels = Boxes(BOX[:1], np.array([0]))
    stacking = Stacking(1)
    twice = Boxes(BOX[[0, 0]], np.array([0, 0]))
    stacking.add_boxes(0, twice, np.array([0.4, 0.8]), labels)
    assert stacking.hits == pytest.approx([0.8])


def test_nothing_found_and_nothing_there():
    stacking = Stacking(2)
    none = Boxes(BOX[:0], np.array([], int))
    stacking.add_boxes(0, none, np.array([]), none)
    stacking.add_boxes(1, none, np.array([]), none)
    assert stacking.of_boxes() == pytest.approx([0.5, 0.5])


def test_weights_of_maps_are_the_best_of_a_grid():
    rng = np.random.default_rng(1)
    mask = rng.integers(0, 3, (20, 20)).astype(np.uint8)
    truth = mask[..., None] == [1, 2]
    maps = [np.clip(truth + rng.normal(bias, noise, truth.shape), 0, 1)
            for bias, noise in ((0, 0.6), (0.1, 0.4), (0.3, 0.9))]  # fmt: skip
    stacking = Stacking(3)
    stacking.add_map(np.stack(maps), mask)
    found = stacking.of_maps()
    steps = np.linspace(0, 1, 21)
    grid = [(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1]
    best = min(stacking.error(np.array(weights)) for weights in grid)
    assert stacking.error(found) <= best + 1e-4
    mean = np.tensordot(found, np.stack(maps), axes=1)
    assert stacking.error(found) == pytest.approx(((mean - truth) ** 2).mean())
