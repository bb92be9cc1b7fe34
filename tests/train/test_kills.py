"""A training that is killed ten times ends in the bytes of one that is not."""

import hashlib
import os
import signal
import time

import numpy as np
import psutil
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
FACTORY = "import factory_core.cli; factory_core.cli.main()"
TRAIN = ("train", "--dataset", "../dataset", "--out", "model", "--curves", "curves")


@pytest.mark.slow
def test_ends_in_the_same_bytes(forks, tmp_path):
    run_dataset(config(**SETTINGS), **write_inputs(tmp_path), out=tmp_path / "dataset")
    for name in ("once", "killed"):
        (tmp_path / name).mkdir()
        OmegaConf.save(config(**SETTINGS), tmp_path / name / "params.yaml")
    once, killed = tmp_path / "once", tmp_path / "killed"
    assert forks.run(FACTORY, once, *TRAIN) == 0, (once / "log").read_text()
    moments = np.random.default_rng(0)
    for kill in range(KILLS):
        process = forks.start(FACTORY, killed, *TRAIN)
        wait_for_moment(killed, process, kill, moments)
        os.kill(process, signal.SIGKILL)
        status = forks.status(process)
        assert status == -signal.SIGKILL, f"kill {kill}: {(killed / 'log').read_text()}"
        assert not (killed / "model").exists()
    assert forks.run(FACTORY, killed, *TRAIN) == 0, (killed / "log").read_text()
    assert bytes_of(killed) == bytes_of(once)
    names = sorted(path.name for path in killed.iterdir())
    assert names == ["curves", "log", "model", "params.yaml"]


def wait_for_moment(root, process, kill, moments):
    """Early, some checkpoints on, or while models are written; then a bit more.

    The moments are counted in what the process has done, so that a slow machine sees as many.
    """
    name, changes = {0: ("", 1), 8: ("model.keras", 1), 9: ("model.onnx", 1)}.get(
        kill, ("checkpoint/state.npz", int(moments.integers(1, 4)))
    )
    seen = changed(root, name)
    while changes and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
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
