"""A training that is killed ten times ends in the bytes of one that is not."""

import hashlib
import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from factory_core.dataset.stage import run as run_dataset
from tests.tiny_dataset import config, write_inputs

KILLS = 10
SETTINGS = {
    "task": "score_map",
    "train__epochs": 4,
    "train__batch_size": 1,
    "train__picture_epochs": 2,
    "train__save_minutes": 0.0,  # after every batch
}


@pytest.mark.slow
def test_ends_in_the_same_bytes(tmp_path):
    inputs = write_inputs(tmp_path)
    run_dataset(config(**SETTINGS), **inputs, out=tmp_path / "dataset")
    for name in ("once", "killed"):
        (tmp_path / name).mkdir()
        OmegaConf.save(config(**SETTINGS), tmp_path / name / "params.yaml")
    assert start(tmp_path / "once").wait() == 0
    moments = np.random.default_rng(0)
    for kill in range(KILLS):
        process = start(tmp_path / "killed")
        wait_for_moment(tmp_path / "killed", process, kill, moments)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"it had ended before kill {kill}"
        assert not (tmp_path / "killed/model").exists()
    assert start(tmp_path / "killed").wait() == 0
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "once")
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == [
        "curves", "log", "model", "params.yaml",
    ]  # fmt: skip


def start(root):
    command = [Path(sys.executable).with_name("factory"), "train", "--dataset", "../dataset"]
    command += ["--out", "model", "--curves", "curves"]
    with (root / "log").open("a") as log:
        return subprocess.Popen(command, cwd=root, stdout=log, stderr=log)


def wait_for_moment(root, process, kill, moments):
    """Early in the start, some checkpoints on, or while models are written; then a bit more.

    The moments are counted in what the process has done, so that a slow machine sees as many.
    """
    pattern = {0: "", 8: "model.keras", 9: "model.onnx"}.get(kill, "checkpoint/state.npz")
    changes = int(moments.integers(1, 3)) if pattern.startswith("checkpoint") else 0
    before = seen = changed(root, pattern)
    for _ in itertools.count():
        if process.poll() is not None:
            return
        now = changed(root, pattern)
        if now != seen:
            seen, changes = now, changes - 1
        if changes <= 0 and (now != before or (before and changes == 0)):
            break
        time.sleep(0.002)
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
