"""The quick experiment runs from the raw data to metrics, in a clone that leaves this one alone."""

import json
import subprocess
from pathlib import Path

import pytest


@pytest.mark.slow
def test_quick_experiment_ends_in_metrics(tmp_path):
    if not Path("data/raw.dvc").is_file():
        pytest.fail("data/raw is not under DVC yet: `dvc add data/raw` and commit.")
    clone = tmp_path / "clone"
    cache = subprocess.run(
        ["dvc", "cache", "dir"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for command, folder in (
        (["git", "clone", "--quiet", ".", str(clone)], Path()),
        (["dvc", "cache", "dir", "--local", str(Path(cache).resolve())], clone),
        (["dvc", "checkout", "--quiet", "data/raw.dvc"], clone),
        (["factory", "compose", "experiment=quick"], clone),
        (["dvc", "repro", "--quiet"], clone),
    ):
        subprocess.run(command, cwd=folder, check=True)
    metrics = json.loads((clone / "evaluation/test/metrics.json").read_text())
    assert 0 <= metrics["f1"] <= 1
