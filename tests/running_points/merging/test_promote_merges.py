"""Points of several merges as DVC experiments, without another run of the network."""

import shutil

import pandas as pd
import pytest
import yaml
from dvc.repo import Repo

from factory_core.kernel import config, io
from factory_core.kernel.errors import OutputError
from factory_core.predict.engine import Engine
from factory_core.running_points import promote, search
from tests.onnx_models import write_box_model
from tests.running_points.conftest import TEMPLATE, run, write_points
from tests.running_points.merging.conftest import POINTS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("plain")]

INPUTS = ("models", "data/ensemble.json", "data/processed", "data/catalogue", "data/selection")
METRICS = "evaluation/val/metrics.json"


def run_stages():
    """What `dvc repro` does to val, without a start of Python a stage."""
    composed = config.load()
    with Repo() as repo:
        stages = promote._stages(repo, (promote.PREDICT, *promote.STEPS))
        for step in (promote.PREDICT, *promote.STEPS):
            promote._run(step, stages[step].cmd, composed)
            repo.commit(target=stages[step].addressing, force=True)


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def repository(merging):
    """The detector under Git and DVC, its predictions committed."""
    stages = yaml.safe_load((TEMPLATE / "dvc.yaml").read_text())["stages"]
    kept = {name: stages[name] for name in ("predict", "postprocess", "evaluate")}
    for stage in kept.values():
        stage["matrix"]["split"] = ["val"]
    evaluated = kept["evaluate"]
    evaluated["deps"].remove("curves")
    evaluated["cmd"] = evaluated["cmd"].replace("--curves curves --readme README.md ", "")
    evaluated["outs"] = [out for out in evaluated["outs"] if str(out).count(".json")]
    (merging / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}, sort_keys=False))
    (merging / ".gitignore").write_text("/running_points\n/POINTS.yaml\n")
    for words in ("init --quiet", "config user.email a@localhost", "config user.name a"):
        run("git", *words.split(), cwd=merging)
    with Repo.init() as repo:
        with repo.config.edit() as settings:
            settings["core"] = {"analytics": False, "autostage": True}
        repo.add([str(merging / name) for name in INPUTS])
    run_stages()
    run("git", "add", "--all", cwd=merging)
    run("git", "commit", "--quiet", "--message", "one", cwd=merging)
    return merging


def test_a_promoted_merge_is_what_the_stages_make_and_needs_no_network(repository, monkeypatch):
    file = write_points(
        repository,
        POINTS,
        space="{merge: [core, fusion], predict.merge.max_iou: [0.1, 0.3]}",
        objectives="{ap50: maximize}",
    )
    list(search.search(file))
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "compute", None)
        lines = list(search.search(file, promote=3))
    table = pd.read_parquet("running_points/first/points.parquet").set_index("point").drop("now")
    assert sorted(line.split()[1] for line in lines if line[:8] == "promoted") == list(table.index)

    fused = table.index[table["predict.merge.max_iou"].eq(0.3)].item()
    before = content(repository / "data/predictions/val")
    with Repo() as repo:
        repo.experiments.apply(fused)
    chosen = config.load().predict.merge
    assert "Fusion" in chosen._target_
    assert chosen.max_iou == 0.3
    assert io.read_json(repository / METRICS)["ap50"] == table.loc[fused, "ap50"]
    with Repo() as repo:
        assert repo.status() == {}, "nothing is to be run again after an apply"
    applied = content(repository / "data/predictions/val")
    assert applied != before
    run_stages()
    assert content(repository / "data/predictions/val") == applied
    assert io.read_json(repository / METRICS)["ap50"] == table.loc[fused, "ap50"]

    run("git", "commit", "--quiet", "--all", "--message", "adopted", cwd=repository)
    # Now the workspace has other models than the commit.
    write_box_model(repository / "models/1/model.onnx", classes=("house",), blur=0.3)
    file = write_points(repository, POINTS, space="{predict.merge.max_iou: [0.1, 0.6]}", name="new")
    with pytest.raises(OutputError, match=r"not of the last commit: models differs.*predict@val"):
        list(search.search(file, promote=1))
    shutil.copytree(repository / "models", repository / "elsewhere")
    file = write_points(repository, POINTS, models="elsewhere", name="new")
    with pytest.raises(OutputError, match=r"not of the last commit: elsewhere, models differs"):
        list(search.search(file, promote=1))
    assert run("git", "for-each-ref", "refs/exps", cwd=repository).count("first-") == 3
