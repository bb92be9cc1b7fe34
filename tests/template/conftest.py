"""Bake detectors as a user does, and run commands in them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# Every split of so small an airfield has labels still.
SIZE_PX = 256
# `quick`, quicker: most of its time goes into the graph of the network.
TINY = """\
# @package _global_
defaults:
  - quick
{encoder}  - _self_

dataset:
  window_px: 128
  overlap_px: 0

train:
  batch_size: 2
"""
# One of them learns from the default encoder, whose graph takes long; the other, which is
# trained more often, from a small one.
ENCODER = {
    "aircraft": "  - override /encoder: resnet\n",
    "buildings": "",
}


def run(*command, cwd, check=True, **environment):
    """Run a command of the environment in a folder; its output, both streams."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}")
    return done


def bake(folder, answers=None, **extra):
    """Run Cookiecutter on the template; the finished process."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder.parent / f"{folder.name}.cookiecutter.yaml"
    defaults = yaml.safe_load(answers.read_text())["default_context"] if answers else {}
    settings.write_text(
        yaml.safe_dump(
            {
                "default_context": defaults,
                "replay_dir": str(folder.parent / "replay"),
                "cookiecutters_dir": str(folder.parent / "cookiecutters"),
            }
        )
    )
    context = [f"{key}={value}" for key, value in {"factory_core": ROOT, **extra}.items()]
    command = ["cookiecutter", ROOT, "--no-input", "--config-file", settings]
    return run(*command, "--output-dir", folder, *context, cwd=folder, check=False)


@pytest.fixture(scope="session")
def airfield(tmp_path_factory):
    """The sample `airfield`, small."""
    out = tmp_path_factory.mktemp("samples") / "airfield"
    run("factory", "sample", "airfield", "--out", out, "--size", SIZE_PX, cwd=out.parent)
    return out


@pytest.fixture(scope="session")
def release(airfield, tmp_path_factory):
    """Give, for `aircraft` or `buildings`, a detector whose experiment `tiny` was released."""
    finished = {}

    def give(what):
        if what not in finished:
            finished[what] = _release(airfield, what, tmp_path_factory.mktemp(what))
        return finished[what]

    return give


def _release(airfield, what, folder):
    suggested = airfield / "detectors" / what
    answers = yaml.safe_load((suggested / "answers.yaml").read_text())["default_context"]
    baked = bake(folder / "baked", suggested / "answers.yaml")
    assert baked.returncode == 0, baked.stdout
    detector = folder / "baked" / answers["detector_name"]
    for part in ("scenes", "labels"):
        shutil.copytree(airfield / part, detector / "data/raw" / part)
    shutil.copy(suggested / "baseline.yaml", detector / "conf/experiment/baseline.yaml")
    (detector / "conf/experiment/tiny.yaml").write_text(TINY.format(encoder=ENCODER[what]))
    config = detector / "conf/config.yaml"
    config.write_text(config.read_text().replace("experiment: baseline", "experiment: tiny"))
    remote = folder / "remote"
    for command in (
        ["dvc", "remote", "add", "--default", "team", remote],
        ["factory", "compose"],
        ["dvc", "add", "--quiet", "data/raw"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "Data"],
        ["dvc", "repro"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "Release"],
        ["dvc", "push", "--quiet"],
    ):
        run(*command, cwd=detector)
    return detector
