"""One scene among many that cannot be predicted: the rest is done, and only it is left to do."""

import numpy as np
import pytest

from factory_core import cli
from factory_core.kernel import io
from factory_core.kernel.errors import SceneError
from factory_core.predict import layout, stage
from factory_core.predict.engine import Engine
from tests.onnx_models import write_score_model

NAMES = "abc"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(layout, "BLOCK_PX", 30)


@pytest.fixture
def computed(monkeypatch):
    """Scene and block of each computation."""
    seen = []
    compute = Engine.compute

    def counting(self, jobs):
        for job in jobs:
            compute(self, [job])
            seen.append((job[0].raster.scene_id, job[1]))

    monkeypatch.setattr(Engine, "compute", counting)
    return seen


@pytest.fixture
def pixels():
    rng = np.random.default_rng(0)
    return {name: rng.integers(1, 256, (3, 60, 60)).astype(np.uint8) for name in NAMES}


@pytest.fixture
def run(tmp_path, config, write_scene, write_selection, pixels):
    """Predict three scenes of nine blocks each into a folder that has an old result."""
    write_score_model(tmp_path / "models/0/model.onnx")
    scenes = {name: write_scene(pixels[name], name=name) for name in NAMES}
    selection = write_selection(scenes)
    out = tmp_path / "predictions/test"
    out.mkdir(parents=True)
    (out / "old.txt").write_text("old")

    def predict():
        stage.run(
            config,
            models=tmp_path / "models",
            scenes=tmp_path / "processed",
            selection=selection,
            split="test",
            out=out,
        )
        return out

    return predict


def truncate(path):
    """Keep the head of a file, so that it opens and its pixels are missing."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def remove(path):
    path.unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(truncate, id="truncated"),
        pytest.param(remove, id="missing"),
        pytest.param(lambda path: path.write_bytes(b"no raster"), id="no raster"),
    ],
)
def test_the_rest_is_done_and_a_second_run_does_what_is_missing(
    tmp_path, run, write_scene, pixels, computed, spoil
):
    spoil(tmp_path / "processed/c.tif")
    with pytest.raises(SceneError, match=r"1 of 3 scenes failed(.|\n)*c\.tif"):
        run()
    rest = {name: 9 for name in NAMES if name != "c"}
    assert {name: sum(scene == name for scene, _ in computed) for name in rest} == rest
    written = io.read_json(tmp_path / "predictions/test.failed.json")
    assert (written["scenes"], written["done"], list(written["failed"])) == (3, 2, ["c"])
    assert "c.tif" in written["failed"]["c"]
    assert [path.name for path in (tmp_path / "predictions/test").iterdir()] == ["old.txt"]

    computed.clear()
    write_scene(pixels["c"], name="c")
    out = run()
    assert sorted(computed) == [("c", block) for block in np.ndindex(3, 3)]
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.tif" for name in NAMES]
    for name in NAMES:
        found = io.read_score_map(out / f"{name}.tif")
        np.testing.assert_array_equal(found.scores[0], pixels[name][0])
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["test"]


def test_other_pixels_of_a_finished_scene_are_computed_anew(
    tmp_path, run, write_scene, pixels, computed
):
    truncate(tmp_path / "processed/c.tif")
    with pytest.raises(SceneError):
        run()
    computed.clear()
    changed = 255 - pixels["a"] // 2
    write_scene(changed, name="a")
    write_scene(pixels["c"], name="c")
    out = run()
    assert {scene for scene, _ in computed} == {"a", "c"}
    np.testing.assert_array_equal(io.read_score_map(out / "a.tif").scores[0], changed[0])


def test_the_command_line_names_it_and_ends_with_1(run, tmp_path, monkeypatch, capsys):
    truncate(tmp_path / "processed/b.tif")
    monkeypatch.setattr(cli, "app", run)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "1 of 3 scenes failed" in said
    assert "test.failed.json" in said
    assert "b.tif" in said
