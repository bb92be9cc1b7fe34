"""A baked detector is a Git and DVC repository in order, and bad answers write nothing."""

import json
import tomllib

import pytest
import yaml
from geopandas import GeoDataFrame

from factory_core.kernel import config
from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.chain import compose
from tests.template.conftest import ROOT, bake, run

MADE_BY_TOOLS = {".git", ".dvc", ".github", ".pytest_cache", "__pycache__"}


def test_asks_at_most_eight_questions_each_with_its_words():
    questions = json.loads((ROOT / "cookiecutter.json").read_text())
    prompts = questions.pop("__prompts__")
    asked = [name for name in questions if not name.startswith("_")]
    assert len(asked) <= 8
    assert set(asked) == set(prompts)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        pytest.param({"detector_name": "Tree-Detector"}, "Try: 'tree_detector'", id="capitals"),
        pytest.param({"detector_name": "1trees"}, "begin with a letter", id="digit first"),
        pytest.param({"detector_name": "class"}, "no word of Python", id="keyword"),
        pytest.param({"package_name": "numpy"}, "installed already", id="hides a module"),
        pytest.param({"package_name": "factory_core"}, "installed already", id="hides the factory"),
        pytest.param({"package_name": "conf"}, "another folder", id="a folder of the repository"),
        pytest.param({"taxonomy": "a/b/c/d/e"}, "one to 4 names", id="five levels"),
        pytest.param({"taxonomy": "a/x, b/x"}, "stands twice", id="a class in two places"),
        pytest.param({"taxonomy": " "}, "no class", id="no class"),
        pytest.param({"finds": 'trees "and" {bushes}'}, "may not hold quotes", id="quotes"),
        pytest.param({"finds": " "}, "finds is empty", id="finds nothing"),
        pytest.param({"factory_core": "latest"}, "git+ADDRESS@TAG", id="no pin"),
    ],
)
def test_refuses_a_bad_answer_and_writes_nothing(tmp_path, answers, reason):
    out = tmp_path / "out"
    done = bake(out, **answers)
    assert done.returncode != 0
    assert reason in done.stdout
    # What follows the reasons is Cookiecutter's own account of a hook that refused.
    ours, _, _ = done.stdout.partition("ERROR: Stopping generation")
    assert all(line.startswith("error: ") for line in ours.splitlines())
    assert list(out.iterdir()) == []


def test_a_folder_beside_the_hook_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "temporary/tree_detector").mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    done = bake(tmp_path / "out")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module", params=["detection", "segmentation"])
def detector(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param) / "out"
    remote = out.parent / "remote"
    done = bake(
        out,
        task=request.param,
        remote=remote,
        taxonomy="boat/sail, boat/motor, ship",
        licence="MIT",
    )
    assert done.returncode == 0, done.stdout
    return out / "tree_detector"


def test_is_committed_whole(detector):
    assert run("git", "status", "--porcelain", cwd=detector).stdout == ""
    assert len(run("git", "log", "--oneline", cwd=detector).stdout.splitlines()) == 1


def test_params_are_composed(detector):
    assert "is current" in run("factory", "compose", "--check", cwd=detector).stdout
    params = yaml.safe_load((detector / "params.yaml").read_text())
    assert params["taxonomy"]["classes"] == ["boat/sail", "boat/motor", "ship"]
    assert params["package"] == "tree_detector"
    assert params["postprocess"]["order"] == list(params["postprocess"]["tasks"])


@pytest.mark.parametrize(
    ("experiment", "takes", "least"), [("roads", ScoreMap, 8), ("aircraft", GeoDataFrame, 5)]
)
def test_an_experiment_brings_a_chain_of_parts(detector, experiment, takes, least):
    composed = config.compose(detector, overrides=[f"experiment={experiment}"])
    chain = compose(composed.postprocess, takes=takes, where="postprocess")
    assert len(chain.tasks) >= least


def test_dvc_is_quiet_and_composes(detector):
    listed = dict(
        line.split("=", 1) for line in run("dvc", "config", "-l", cwd=detector).stdout.splitlines()
    )
    assert listed["core.analytics"] == "false"
    assert listed["hydra.enabled"].lower() == "true"
    assert listed["core.remote"] == "team"
    assert listed["cache.type"].endswith("copy")


def test_every_parameter_that_a_stage_tracks_exists(detector):
    params = yaml.safe_load((detector / "params.yaml").read_text())
    for name, stage in yaml.safe_load((detector / "dvc.yaml").read_text())["stages"].items():
        for key in stage["params"]:
            node = params
            for step in key.split("."):
                assert step in node, f"{name} tracks {key}"
                node = node[step]


def test_every_setting_but_the_machine_is_tracked_by_a_stage(detector):
    params = yaml.safe_load((detector / "params.yaml").read_text())
    stages = yaml.safe_load((detector / "dvc.yaml").read_text())["stages"].values()
    tracked = {key.split(".")[0] for stage in stages for key in stage["params"]}
    seen = [node for key in tracked for node in nodes(params[key])]
    # What a model is made of stands in it, resolved: `model` tracks it.
    left = sorted(key for key in set(params) - tracked if params[key] not in seen)
    assert left == ["compute", "devices"]


def nodes(node):
    yield node
    for value in node.values() if isinstance(node, dict) else ():
        yield from nodes(value)


def test_dvc_sees_the_raw_data(detector, tmp_path):
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", detector, clone, cwd=tmp_path)
    (clone / "data/raw").mkdir(parents=True)
    (clone / "data/raw/scene.txt").write_text("a scene")
    run("dvc", "add", "--quiet", "data/raw", cwd=clone)
    script = "from dvc.repo import Repo; print(*Repo().index.outs)"
    assert "data/raw" in run("python", "-c", script, cwd=clone).stdout.split()


@pytest.mark.slow
def test_its_own_checks_pass(detector):
    assert "passed" in run("python", "-m", "pytest", "-q", "-m", "not slow", cwd=detector).stdout


def test_has_the_lock_of_the_factory(detector):
    assert (detector / "requirements.lock").read_text() == (ROOT / "requirements.lock").read_text()
    first, *_ = (detector / "requirements.in").read_text().splitlines()
    assert first == f"factory-core[train] @ {ROOT.as_uri()}"
    project = tomllib.loads((detector / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"


def test_nothing_of_the_template_is_left(detector):
    for file in detector.rglob("*"):
        if file.is_file() and not MADE_BY_TOOLS & set(file.parts):
            assert "cookiecutter" not in file.read_text() or file.name == "requirements.lock"
