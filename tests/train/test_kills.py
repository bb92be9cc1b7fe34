"""A training that is killed ten times ends in the bytes of one that is not."""

import hashlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from factory_core.dataset.stage import run as run_dataset
from factory_core.kernel.parts import load_part
from tests.tiny_dataset import config, write_inputs

KILLS = 10
SETTINGS = {
    "task": "score_map",
    "train__epochs": 4,
    "train__batch_size": 1,
    "train__picture_epochs": 2,
    "train__save_minutes": 0.0,  # after every batch
    "model__encoder__depth": 2,  # starts the sooner
    "model__encoder__width": 2,
    # `factory train` looks whether the chain fits the model before it starts.
    "postprocess": {
        "tasks": {name: load_part("postprocess", name) for name in ("threshold", "polygonise")},
        "order": ["threshold", "polygonise"],
    },
}
ARGUMENTS = ("train", "--dataset", "../dataset", "--out", "model", "--curves", "curves")
# Imports once what each start would import for seconds, then forks a `factory train` a line.
STARTER = f"""
import os, sys
import factory_core.cli, factory_core.train.stage
for line in sys.stdin:
    child = os.fork()
    if not child:
        log = os.open("log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.dup2(log, 1), os.dup2(log, 2)
        sys.argv = ["factory", *{ARGUMENTS!r}]
        factory_core.cli.main()
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_ends_in_the_same_bytes(tmp_path):
    run_dataset(config(**SETTINGS), **write_inputs(tmp_path), out=tmp_path / "dataset")
    for name in ("once", "killed"):
        (tmp_path / name).mkdir()
        OmegaConf.save(config(**SETTINGS), tmp_path / name / "params.yaml")
    command = [Path(sys.executable).with_name("factory"), *ARGUMENTS]
    subprocess.run(command, cwd=tmp_path / "once", check=True)
    killed = tmp_path / "killed"
    moments = np.random.default_rng(0)
    with subprocess.Popen(
        [sys.executable, "-c", STARTER],
        cwd=killed,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as starter:
        for kill in range(KILLS):
            process = start(starter)
            wait_for_moment(killed, starter, kill, moments)
            os.kill(process, signal.SIGKILL)
            status = int(starter.stdout.readline())
            assert status == -signal.SIGKILL, f"kill {kill}: {(killed / 'log').read_text()}"
            assert not (killed / "model").exists()
        start(starter)
        assert int(starter.stdout.readline()) == 0, (killed / "log").read_text()
        starter.stdin.close()
    assert bytes_of(killed) == bytes_of(tmp_path / "once")
    names = sorted(path.name for path in killed.iterdir())
    assert names == ["curves", "log", "model", "params.yaml"]


def start(starter):
    """Number of a new process that trains."""
    print("go", file=starter.stdin, flush=True)
    return int(starter.stdout.readline())


def wait_for_moment(root, starter, kill, moments):
    """Early, some checkpoints on, or while models are written; then a bit more.

    The moments are counted in what the process has done, so that a slow machine sees as many.
    """
    name, changes = {0: ("", 1), 8: ("model.keras", 1), 9: ("model.onnx", 1)}.get(
        kill, ("checkpoint/state.npz", int(moments.integers(1, 4)))
    )
    seen = changed(root, name)
    while changes and not select.select([starter.stdout], [], [], 0.002)[0]:
        now = changed(root, name)
        changes -= now != seen
        seen = now
    time.sleep(moments.uniform(0, 0.05))


def changed(root, pattern):
    """When a file of the work in progress was last written."""
    try:
        return max((p.stat().st_mtime_ns for p in root.glob(f".model.*/{pattern}")), default=0)
    except FileNotFoundError:
        return 0


def bytes_of(root):
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for name in ("model", "curves")
        for file in sorted((root / name).rglob("*"))
        if file.is_file()
    }
