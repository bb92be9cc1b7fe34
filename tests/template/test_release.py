"""What a DVC user expects of a baked detector, with real runs of both tasks on the airfield."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from tests.template.conftest import BIN, ROOT, run

pytestmark = pytest.mark.slow

SHARE = {
    "aircraft": "postprocess.tasks.min_score.min_score",
    "buildings": "postprocess.tasks.min_area.min_area_m2",
}
both_tasks = pytest.mark.parametrize("what", ["aircraft", "buildings"])


def ran(output):
    """Names of the stages that a `dvc repro` ran, without their matrix item."""
    return {name.split("@")[0] for name in re.findall(r"Running stage '([^']+)'", output)}


# So few steps do not make the U-Net sure of anything.
@pytest.mark.parametrize(("what", "least"), [("aircraft", 1), ("buildings", 0)])
def test_ends_in_metrics_a_report_and_a_bundle(release, what, least):
    detector = release(what)
    for split in ("val", "test"):
        metrics = json.loads((detector / f"evaluation/{split}/metrics.json").read_text())
        assert 0 <= metrics["f1"] <= 1
        assert metrics["labels"] > 0
        assert metrics["detections"] >= least
    assert (detector / "evaluation/test/report.html").stat().st_size > 10_000
    assert (detector / "bundle").is_dir()
    readme = (detector / "README.md").read_text()
    assert "Not evaluated yet" not in readme


@both_tasks
def test_a_fresh_clone_reproduces_the_release_with_nothing_to_do(release, what, tmp_path):
    detector = release(what)
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", detector, clone, cwd=tmp_path)
    run("dvc", "pull", "--quiet", cwd=clone)
    output = run("dvc", "repro", cwd=clone).stdout
    assert "up to date" in output
    assert ran(output) == set()
    assert run("git", "status", "--porcelain", cwd=clone).stdout == ""


# The other one's network is trained again in `tests/train/test_stage.py`, in another process.
@pytest.mark.parametrize(("what", "left"), [("aircraft", set()), ("buildings", {"train@0"})])
def test_a_clone_that_runs_everything_again_gives_the_same_bytes(release, what, left, tmp_path):
    detector = release(what)
    shipped = hashes(detector)
    assert any(path.startswith("models/") for path in shipped)
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", detector, clone, cwd=tmp_path)
    run("dvc", "pull", "--quiet", "data/raw.dvc", *left, cwd=clone)
    stages = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
    again = [stage for stage in stages if stage not in left]
    # `--no-run-cache`: the results must come from the stages, not from memory.
    output = run(
        *("dvc", "repro", "--force", "--no-run-cache", "--single-item", *again), cwd=clone
    ).stdout
    assert ran(output) == {stage.split("@")[0] for stage in again}
    assert hashes(clone) == shipped


def hashes(detector):
    """The hash of every output of a pipeline, by its path."""
    lock = yaml.safe_load((detector / "dvc.lock").read_text())
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def test_experiments_run_queue_show_and_apply(release, tmp_path):
    clone = clone_of(release("aircraft"), tmp_path)
    key = SHARE["aircraft"]
    output = run("dvc", "exp", "run", "-S", f"{key}=0.35", "--name", "one", cwd=clone).stdout
    assert ran(output) == {"postprocess", "evaluate", "bundle"}
    run("git", "checkout", "--quiet", ".", cwd=clone)
    run("dvc", "exp", "run", "--queue", "-S", f"{key}=0.2,0.4", cwd=clone)
    run("dvc", "queue", "start", "--jobs", "1", cwd=clone)
    run("dvc", "queue", "logs", "--follow", queued(clone)[-1], cwd=clone, check=False)
    wait_for_queue(clone, experiments=3)
    shown = json.loads(run("dvc", "exp", "show", "--json", cwd=clone).stdout)
    experiments = [exp for rev in shown for exp in rev["experiments"] or []]
    values = {
        exp["revs"][0]["data"]["params"]["params.yaml"]["data"]["postprocess"]["tasks"][
            "min_score"
        ]["min_score"]: exp["revs"][0]["data"]["metrics"]["evaluation/test/metrics.json"]["data"][
            "f1"
        ]
        for exp in experiments
    }
    assert set(values) == {0.2, 0.35, 0.4}
    run("dvc", "exp", "apply", "one", cwd=clone)
    params = yaml.safe_load((clone / "params.yaml").read_text())
    assert params["postprocess"]["tasks"]["min_score"]["min_score"] == 0.35
    assert run("dvc", "metrics", "diff", "--json", cwd=clone).returncode == 0
    assert "index.html" in run("dvc", "plots", "show", cwd=clone).stdout


@pytest.fixture(scope="module")
def shared(release, tmp_path_factory):
    """A clone of a release for tests that leave it as it was, which each of them checks."""
    return clone_of(release("aircraft"), tmp_path_factory.mktemp("shared"))


def test_a_changed_post_processing_reruns_what_follows_and_nothing_before(release, tmp_path):
    clone = clone_of(release("aircraft"), tmp_path)
    source = tmp_path / "source"
    for package in ("factory_core", "hydra_plugins"):
        shutil.copytree(ROOT / package, source / package)
    part = source / "factory_core/postprocess/detections/min_score.py"
    part.write_text(part.read_text() + "\nCHANGED = True\n")
    environment = {"PYTHONPATH": str(source)}
    assert "written" in run("factory", "compose", cwd=clone, **environment).stdout
    output = run("dvc", "repro", cwd=clone, **environment).stdout
    assert ran(output) == {"postprocess", "bundle"} | ({"evaluate"} & ran(output))
    assert "predict" not in ran(output)


def test_the_order_of_a_chain_counts(release, tmp_path):
    clone = clone_of(release("buildings"), tmp_path)
    order = yaml.safe_load((clone / "params.yaml").read_text())["postprocess"]["order"]
    assert order[-2:] == ["min_area", "simplify"]
    swapped = ",".join([*order[:-2], "simplify", "min_area"])
    output = run("dvc", "exp", "run", "-S", f"postprocess=[{swapped}]", cwd=clone).stdout
    assert "postprocess" in ran(output)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        pytest.param("postprocess.tasks.min_score.min_scor=0.3", "min_scor", id="misspelt key"),
        pytest.param(SHARE["aircraft"] + "=high", "must be float", id="wrong type"),
        pytest.param("postprocess=[min_scor]", "min_scor", id="unknown part"),
        pytest.param(
            "postprocess=[non_maximum_suppression,min_score,threshold]",
            "threshold` takes",
            id="impossible order",
        ),
        pytest.param(
            "postprocess=[non_maximum_suppression]", "not chosen", id="values of a part not chosen"
        ),
        pytest.param(
            "postprocess.tasks.min_score._target_=os.system", "may only name", id="forbidden target"
        ),
    ],
)
def test_a_wrong_choice_ends_in_one_clear_error(shared, override, message):
    outputs = [shared / "data", shared / "evaluation", shared / "bundle"]
    before = bytes_of(outputs)
    done = run("dvc", "exp", "run", "-S", override, cwd=shared, check=False)
    assert done.returncode != 0
    assert message in done.stdout
    assert "Traceback" not in done.stdout
    assert bytes_of(outputs) == before
    run("git", "checkout", "--quiet", ".", cwd=shared)


STAGES = (
    *("catalogue", "select", "process", "dataset", "train@0", "ensemble"),
    *("predict@test", "postprocess@test", "evaluate@test", "bundle"),
)


# A killed training is started again in tests/train/test_kills.py, ten times.
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "train@0"])
def test_a_killed_stage_leaves_the_last_output_and_starts_again(shared, stage):
    entry = yaml.safe_load((shared / "dvc.lock").read_text())["stages"][stage]
    outputs = [shared / out["path"] for out in entry["outs"]]
    before = bytes_of(outputs)
    kill_when_it_writes(entry["cmd"].split(), shared)
    assert bytes_of(outputs) == before
    run(*entry["cmd"].split(), cwd=shared)
    assert bytes_of(outputs) == before
    assert not unfinished(shared)


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_leaves_the_last_output_and_says_so(on_small_disk, stage):
    entry = yaml.safe_load((on_small_disk / "dvc.lock").read_text())["stages"][stage]
    outputs = [on_small_disk / out["path"] for out in entry["outs"]]
    before = bytes_of(outputs)
    with full(on_small_disk.parent):
        done = run(*entry["cmd"].split(), cwd=on_small_disk, check=False)
        assert done.returncode == 1, done.stdout
        assert "disk" in done.stdout
        assert "Traceback" not in done.stdout
        assert bytes_of(outputs) == before


@pytest.fixture(scope="module")
def on_small_disk(release, tmp_path_factory):
    """A clone on a file system of its own, which a test may fill."""
    disk = tmp_path_factory.mktemp("small") / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256m", "none", disk]
    if run(*mount, cwd=disk.parent, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield clone_of(release("aircraft"), disk)
    run("umount", "--lazy", disk, cwd=disk.parent)


@contextlib.contextmanager
def full(disk):
    """Fill a file system to its last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as sink, contextlib.suppress(OSError):
        while True:
            sink.write(b"0" * 65536)
    yield
    filler.unlink()


def kill_when_it_writes(command, cwd):
    """Start a stage and kill it, with all its processes, as soon as it has begun to write."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    with subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True) as process:
        while process.poll() is None and not unfinished(cwd):
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):  # a small stage may have ended already
            os.killpg(process.pid, signal.SIGKILL)


def unfinished(folder):
    """What stages have begun to write beside their outputs."""
    return [path for path in folder.rglob(".*") if ".partial" in path.name]


def bytes_of(paths):
    """The content of every file at or under `paths`."""
    files = (
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
    )
    return {str(file): file.read_bytes() for file in files}


def clone_of(detector, folder):
    """A clone that shares the cache of the release, its outputs in place."""
    clone = folder / "clone"
    run("git", "clone", "--quiet", detector, clone, cwd=folder)
    run("dvc", "cache", "dir", "--local", detector / ".dvc/cache", cwd=clone)
    run("dvc", "checkout", "--quiet", cwd=clone)
    return clone


def queued(clone):
    """Names of the experiments in the queue."""
    return re.findall(r"^(\w+)", run("dvc", "queue", "status", cwd=clone).stdout, re.MULTILINE)[1:]


def wait_for_queue(clone, *, experiments):
    """Return when there are so many experiments, and none waits or runs any more."""
    # Git is asked first: to ask DVC takes a second of a machine that has work to do.
    for _ in range(600):
        names = run("git", "for-each-ref", "--format=%(refname)", "refs/exps", cwd=clone).stdout
        if len(re.findall(r"^refs/exps/\w\w/", names, re.MULTILINE)) == experiments:
            break
        time.sleep(1)
    for _ in range(10):
        status = run("dvc", "queue", "status", cwd=clone).stdout
        if "Queued" not in status and "Running" not in status:
            assert "Failed" not in status, status
            return
        run("sleep", "1", cwd=clone)
    raise AssertionError(f"the queue did not end: {status}")
