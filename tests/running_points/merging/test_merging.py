"""Merging as part of a point: the numbers of the stages, from one run of the network."""

import shutil

import pandas as pd
import pytest
from omegaconf import OmegaConf

from factory_core.kernel import config
from factory_core.kernel.errors import ConfigError, ModelError, OutputError
from factory_core.predict import layout
from factory_core.predict import stage as predict
from factory_core.predict.engine import Engine
from factory_core.running_points import candidates, search
from factory_core.running_points.inputs import open_source
from factory_core.running_points.plan import read_points
from tests.onnx_models import write_box_model, write_score_model
from tests.running_points.conftest import (
    SCENES,
    measure,
    write_params,
    write_points,
)
from tests.running_points.merging.conftest import POINTS

pytestmark = pytest.mark.usefixtures("plain")

METRICS = ("f1", "precision", "recall", "found", "missed", "false", "ap50")


@pytest.fixture
def runs(monkeypatch):
    """Scene and block of each run of the network."""
    found = []
    keep = Engine._keep

    def counted(self, job, result):
        found.append((job[0].raster.scene_id, job[1]))
        keep(self, job, result)

    monkeypatch.setattr(Engine, "_keep", counted)
    monkeypatch.setattr(layout, "BLOCK_PX", 30)
    return found


def searched(file, name="first"):
    """Lines of a search, and its table of points, without what is set now."""
    lines = list(search.search(file))
    table = pd.read_parquet(f"running_points/{name}/points.parquet")
    return "\n".join(lines), table[table["point"] != "now"]


def overrides_of(row):
    """Of a row of the table, as `dvc exp run -S` takes them."""
    keys = [key for key in row.index if key.startswith(("merge", "predict.", "postprocess."))]
    return [f"{key}={row[key]}" for key in keys if pd.notna(row[key])]


def by_stages(overrides):
    """Configuration of a point, and what predict, postprocess and evaluate write for it."""
    composed = OmegaConf.create(config.to_yaml(config.compose(overrides=overrides)))
    predict.run(
        composed,
        models=search.Path("models"),
        weights=search.Path("data/ensemble.json"),
        scenes=search.Path("data/processed"),
        selection=search.Path("data/selection"),
        split="val",
        out=search.Path("data/predictions/val"),
    )
    return composed, measure(composed)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_numbers_are_those_of_predict_and_the_stages_after_it(merging, runs):
    text, table = searched(write_points(merging, POINTS))
    # A merge without a field has one point of all its values.
    assert table["merge"].value_counts().to_dict() == {"fusion": 8, "core": 2}
    # Three scenes: 5 merges, 10 least scores; alone 10 chains of 2.
    assert f"called {3 * (5 + 10)} times on a scene in place of {3 * 10 * 2}" in text
    assert len(set(runs)) == len(runs) > len(SCENES), "the network has run once over each block"
    assert table["f1"].nunique() > 6
    assert "- override /merge: " in (merging / "running_points/first/report.html").read_text()
    wide = table["predict.merge.cores_only"].eq("false") & table["predict.merge.max_iou"].eq(0.1)
    for _, row in table[wide | table["merge"].eq("core")].iloc[::2].iterrows():
        composed, written = by_stages(overrides_of(row))
        assert {name: row[name] for name in METRICS} == {name: written[name] for name in METRICS}
        # Of what is kept, a promoted point has the file that the stage writes.
        merged = candidates.Merged(config.build(composed.predict.merge), voters=2)
        candidates.write_merged(merged, kept=candidates.FOLDER, out=merging / "merged")
        assert content(merging / "merged") == content(merging / "data/predictions/val")


def test_the_network_runs_once_for_all_searches_killed_it_goes_on(merging, runs, monkeypatch):
    plan = {"space": "{predict.merge.max_iou: [0.1, 0.6]}", "objectives": "{f1: maximize}"}
    keep = Engine._keep

    def dies(self, job, result):
        if len(runs) == 7:
            raise KeyboardInterrupt
        keep(self, job, result)

    monkeypatch.setattr(Engine, "_keep", dies)
    with pytest.raises(KeyboardInterrupt):
        searched(write_points(merging, POINTS, **plan))
    monkeypatch.setattr(Engine, "_keep", keep)
    text, _ = searched(write_points(merging, POINTS, **plan))
    assert "The network runs once over val" in text
    assert len(set(runs)) == len(runs) > 7, "no block is computed again"
    done = len(runs)
    plan["space"] = "{predict.merge.cores_only: [true, false]}"
    text, table = searched(write_points(merging, POINTS, name="other", **plan), "other")
    assert len(runs) == done
    assert "network" not in text
    assert len(table) == 2
    write_box_model(merging / "models/1/model.onnx", classes=("house",), blur=0.3)
    assert not open_source(read_points(merging / "POINTS.yaml")).is_kept


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"space": "{merge: [core, fusoin]}"}, "Did you mean 'fusion'", id="choice"),
        pytest.param({"space": "{merge: {low: 0, high: 1}}"}, r"a list, `merge: \[", id="range"),
        pytest.param({"space": "{predict.merge: [core, fusion]}"}, r"`merge: \[core", id="node"),
        pytest.param(
            {"space": "{predict.merge.max_io: [0.1, 0.2]}"},
            "Did you mean 'predict.merge.max_iou'",
            id="misspelt field",
        ),
        pytest.param(
            {"space": "{predict.merge.max_iou: [0.1, 2.0]}"},
            "`predict.merge` is wrong.*max_iou=2.0",
            id="value that the merge refuses",
        ),
        pytest.param(
            {"space": "{merge: [core, fusion], predict.overlap_px: [2, 4]}"},
            "`space.predict.overlap_px`.*tries `merge` and `predict.merge.FIELD`",
            id="windows",
        ),
        pytest.param(
            {"space": "{merge: [core, fusion], views: [plain, flips]}"},
            "every point needs",
            id="views",
        ),
        pytest.param({"predictions": "data/predictions/test"}, "are of test", id="test"),
        pytest.param({"overrides": "[predict.overlap_px=3]"}, "differ in predict", id="upstream"),
    ],
)
def test_refuses_before_the_network_runs(merging, runs, changed, message):
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        list(search.search(write_points(merging, POINTS, **changed)))
    assert not runs
    assert not (merging / "running_points").exists()


def test_says_which_stage_to_run_first(merging):
    (merging / "data/ensemble.json").unlink()
    file = write_points(merging, POINTS)
    with pytest.raises(OutputError, match=r"data/ensemble.json does not exist.*dvc repro ensemble"):
        list(search.search(file))
    shutil.rmtree(merging / "models")
    with pytest.raises(ModelError, match=r"no \*/model.onnx in models.*dvc repro train"):
        list(search.search(file))


def test_score_maps_have_no_boxes_to_merge(detector):
    write_score_model(detector / "models/0/model.onnx")
    file = write_points(detector, space="{merge: [core, fusion]}")
    file.write_text(f"{file.read_text()}\nweights: null\n")
    with pytest.raises(ConfigError, match=r"models/0/model.onnx gives score maps.*Drop the keys"):
        list(search.search(file))


@pytest.mark.slow
def test_a_cluster_gives_the_same_from_the_network_to_the_numbers(merging):
    plan = {"space": "{predict.merge.max_iou: {low: 0.1, high: 0.8, step: 0.1}}"}
    _, table = searched(write_points(merging, POINTS, **plan))
    shutil.rmtree(merging / "running_points/.kept")
    text = (merging / "conf/config.yaml").read_text().replace("compute: local", "compute: dask")
    # Of one worker, which starts sooner; it is another process all the same.
    (merging / "conf/config.yaml").write_text(f"{text}\ncompute: {{workers: 1}}")
    write_params(merging)
    lines, again = searched(write_points(merging, POINTS, name="second", **plan), "second")
    assert "The network runs once over val" in lines
    assert "8 were measured now" in lines
    pd.testing.assert_frame_equal(again.drop(columns="point"), table.drop(columns="point"))
