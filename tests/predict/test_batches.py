"""Small scenes share batches: the same bytes, full batches, and none spoils another."""

import numpy as np
import pytest

from factory_core.kernel.errors import SceneError
from factory_core.predict import stage
from factory_core.predict.model import Ensemble
from factory_core.predict.scenes import Scene, Survey, group_small
from tests.onnx_models import write_box_model, write_network

SIZES = {"a": (20, 30), "b": (16, 16), "c": (40, 16), "d": (16, 16), "empty": (16, 16)}


@pytest.fixture
def selection(write_scene, write_selection):
    chance = np.random.default_rng(1)
    grids = {}
    for name, size in SIZES.items():
        pixels = chance.integers(1, 256, (1, *size)).astype(np.uint8) * (name != "empty")
        grids[name] = write_scene(pixels, name=name, bands=("grey",))
    return write_selection(grids)


@pytest.fixture
def predict(tmp_path, config, selection, monkeypatch):
    """Run predict and give the bytes of each file, and the sizes of the batches."""
    batches = []
    member_maps = Ensemble.member_maps

    def counted(self, images):
        batches.append(len(images))
        return member_maps(self, images)

    def run(name, batch_size):
        batches.clear()
        config.predict.batch_size = batch_size
        out = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr(Ensemble, "member_maps", counted)
            stage.run(
                config,
                models=tmp_path / "models",
                scenes=tmp_path / "processed",
                selection=selection,
                split="test",
                out=out,
            )
        return {file.name: file.read_bytes() for file in sorted(out.iterdir())}, list(batches)

    return run


@pytest.mark.parametrize("kind", ["maps", "boxes"])
def test_a_batch_is_filled_from_several_scenes_and_changes_no_byte(tmp_path, predict, kind):
    if kind == "maps":
        write_network(tmp_path / "models/0/model.onnx", bands=("grey",))
    else:
        write_box_model(tmp_path / "models/0/model.onnx")
    single, _ = predict("single", 1)
    shared, batches = predict("shared", 4)
    assert shared == single
    assert len(shared) == len(SIZES)
    if kind == "maps":
        assert batches == [4, 4, 3]  # 6 + 1 + 3 + 1 windows, none of the empty scene


def test_one_damaged_scene_does_not_spoil_those_of_its_group(tmp_path, predict):
    write_network(tmp_path / "models/0/model.onnx", bands=("grey",))
    whole, _ = predict("whole", 4)
    broken = tmp_path / "processed/b.tif"
    broken.write_bytes(broken.read_bytes()[:-200])
    with pytest.raises(SceneError, match=r"1 of 5 scenes failed"):
        predict("out", 4)
    work = next(tmp_path.glob(".out.*"))
    found = {file.name: file.read_bytes() for file in work.iterdir() if file.is_file()}
    del whole["b.tif"]
    assert found == whole


def survey(name, windows, blocks=1):
    return Scene(f"{name}.tif", None, None, None), Survey([(0, n) for n in range(blocks)], windows)


@pytest.mark.parametrize(
    ("given", "alone", "groups"),
    [
        pytest.param([], 0, [], id="none"),
        pytest.param([survey("a", 1)], 1, [], id="one small scene"),
        pytest.param([survey("a", 3), survey("b", 5)], 0, [2], id="up to four batches"),
        pytest.param([survey("a", 3), survey("b", 6)], 2, [], id="one window too many"),
        pytest.param([survey("a", 3), survey("b", 8), survey("c", 2)], 1, [2], id="a large one"),
        pytest.param([survey("a", 3, blocks=2), survey("b", 1)], 2, [], id="of two blocks"),
        pytest.param([survey("a", 0, blocks=0), survey("b", 1)], 2, [], id="nothing to do"),
        pytest.param([survey(str(n), 2) for n in range(10)], 0, [4, 4, 2], id="many"),
    ],
)
def test_groups_hold_four_batches_at_most(given, alone, groups):
    one_by_one, together = group_small(given, batch_size=2)
    assert len(one_by_one) == alone
    assert [len(group) for group in together] == groups
