"""A real search over a tiny pipeline: every trial is an experiment, and no kill loses one."""

import collections
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from factory_core.kernel.errors import ConfigError
from factory_core.tune.study import find_stage, tune
from tests.tune.conftest import BIN, run, write_tune

pytestmark = pytest.mark.slow


def experiments(root):
    """Metrics and parameters of each experiment, by name, as `dvc exp show` has them."""
    shown = json.loads(run("dvc", "exp", "show", "--json", cwd=root))
    found = [one for rev in shown for one in rev["experiments"] or []]
    return {
        one["name"]: (
            one["revs"][0]["data"]["metrics"]["evaluation/val/metrics.json"]["data"],
            one["revs"][0]["data"]["params"]["params.yaml"]["data"],
        )
        for one in found
    }


def start(root):
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "EPOCHS": str(root.parent / "epochs.txt"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "factory_core.cli", "tune", "TUNE.yaml"],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, *, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def commit(pipeline, name):
    run("git", "add", "--force", name, cwd=pipeline)
    run("git", "commit", "--quiet", "--message", name, cwd=pipeline)


def test_a_search_is_killed_goes_on_and_tells_what_it_found(pipeline):
    write_tune(pipeline, overrides="[train.seconds=0.8]")
    epochs = pipeline.parent / "epochs.txt"
    epochs.write_text("")
    before = run("git", "status", "--porcelain", cwd=pipeline)
    killed = start(pipeline)
    # In the second trial, when it has one epoch behind it.
    wait_for(lambda: len({line.split()[0] for line in epochs.read_text().splitlines()}) == 2)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    output, _ = start(pipeline).communicate(timeout=240)
    assert "best: rates-" in output, output
    found = experiments(pipeline)
    assert sorted(found) == ["rates-000", "rates-001", "rates-002", "rates-003"]
    # No trial twice: no epoch of any was computed again, though one was killed in its middle.
    computed = collections.Counter(epochs.read_text().splitlines())
    assert set(computed.values()) == {1}
    pruned = {name for name, (metrics, _) in found.items() if "tune" in metrics}
    assert 1 <= len(pruned) <= 3
    for name, (metrics, params) in found.items():
        assert params["train"]["seconds"] == 0.8
        key = f"{params['train']['rate']}.{params['net']['kind']}"
        if name in pruned:
            assert metrics["tune"]["pruned"] == 1
            assert metrics["tune"]["quality"] > 0
            assert f"{name}  pruned" in output
            assert computed[f"{key} 3"] == 0
        else:
            assert f"{metrics['f1']:.4g}" in output
            assert computed[f"{key} 3"] == 1
    assert run("git", "status", "--porcelain", cwd=pipeline) == before

    best = max(found.keys() - pruned, key=lambda name: found[name][0]["f1"])
    assert f"dvc exp apply {best}" in output
    run("dvc", "exp", "apply", best, cwd=pipeline)
    metrics = json.loads((pipeline / "evaluation/val/metrics.json").read_text())
    assert metrics["f1"] == found[best][0]["f1"]
    run("git", "reset", "--hard", "--quiet", cwd=pipeline)

    # Nothing is left to run; another search under the same name is refused.
    os.environ["EPOCHS"] = str(epochs)
    lines = list(tune(write_tune(pipeline, overrides="[train.seconds=0.8]"), root=pipeline))
    assert "4 trials: " in "\n".join(lines)
    assert len(epochs.read_text().splitlines()) == sum(computed.values())
    with pytest.raises(ConfigError, match=r"another TUNE.yaml.*only `trials` may be changed"):
        list(tune(write_tune(pipeline, metric="classes.car"), root=pipeline))
    # Nor is anything left after a commit of the plan; after one of something else it is refused.
    again = write_tune(pipeline, overrides="[train.seconds=0.8]")
    commit(pipeline, again.name)
    assert "4 trials: " in "\n".join(tune(again, root=pipeline))
    (pipeline / "notes.md").write_text("of mine")
    commit(pipeline, "notes.md")
    with pytest.raises(ConfigError, match=r"since when notes.md changed.*another `name`"):
        list(tune(again, root=pipeline))


def test_finds_the_stage_and_refuses_what_cannot_be_searched(pipeline):
    assert (
        find_stage(
            pipeline,
            write_tune(pipeline).relative_to(pipeline).parent / ("evaluation/val/metrics.json"),
        )
        == "evaluate@val"
    )
    for changed, message in [
        ({"metrics": "val.json"}, "There are: evaluation/test/metrics.json"),
        ({"metric": "f2"}, "It has: f1, classes.car"),
        ({"space": "{train.rat: {low: 0.1, high: 1.0}}"}, "rat"),
        ({"space": "{net: [plan, deep]}"}, "plan"),
    ]:
        with pytest.raises(ConfigError, match=message):
            list(tune(write_tune(pipeline, **changed), root=pipeline))
