"""Jobs of Slurm: what is asked for, and a run through `sbatch`, which a stand-in takes."""

import os
import stat
import sys

import pytest

from factory_core.kernel import config
from factory_core.kernel.cluster import end_submitted
from factory_core.kernel.errors import ComputeError, ConfigError
from factory_core.kernel.parts import load_part
from factory_core.kernel.slurm import Slurm
from tests.kernel.test_compute import square

# Does what sbatch does for one job: says its number, and runs the script later, elsewhere.
SBATCH = """#!/bin/sh
cp "$1" "{folder}/job.sh"
sh "{folder}/job.sh" > "{folder}/job.log" 2>&1 &
echo $! > "{folder}/pid"
echo "Submitted batch job 4711"
"""
SCANCEL = """#!/bin/sh
echo "$1" > "{folder}/cancelled"
pkill -P "$(cat "{folder}/pid")"
"""


def test_names_the_extra_when_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(ComputeError, match=r"factory-core\[cluster\]"):
        Slurm().map(square, [1, 2], label="predict test")


def test_refuses_a_misspelt_work():
    node = load_part("compute", "slurm") | {"resources": {"predct": {"GPU": 1}}}
    with pytest.raises(ConfigError, match=r"predct.*Did you mean 'predict'"):
        config.build(node, where="compute")


def test_the_job_asks_for_what_the_yaml_says():
    machine = Slurm(
        queue="gpu",
        account="mapping",
        cores=8,
        memory="32GB",
        walltime="02:00:00",
        directives=("--gres=gpu:1",),
        prologue=("module load cuda",),
        resources={"predict": {"GPU": 1}, "write": {"MEMORY": 8e9}},
    )
    with machine.cluster() as cluster:
        script = cluster.job_script().splitlines()
    for line in (
        "#SBATCH -p gpu",
        "#SBATCH -A mapping",
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=30G",
        "#SBATCH -t 02:00:00",
        "#SBATCH --gres=gpu:1",
        "module load cuda",
    ):
        assert line in script
    (command,) = [line for line in script if "dask_worker" in line]
    assert "--nthreads 1" in command
    assert "--resources 'GPU=1 MEMORY=8e+09'" in command
    assert script.index("module load cuda") < script.index(command)


@pytest.mark.slow
def test_work_is_done_by_submitted_jobs(tmp_path, monkeypatch):
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(text.format(folder=tmp_path))
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    machine = Slurm(
        jobs=1,
        cores=1,
        memory="1GB",
        interface="lo",
        logs=tmp_path / "logs",
        resources={"predict": {"GPU": 1}},
    )
    try:
        assert machine.map(square, [3, 1, 2], label="predict test") == [9, 1, 4]
        (tmp_path / "bin/sbatch").unlink()  # a second time would find no sbatch
        assert machine.map(square, [5], label="write test") == [25]
    finally:
        end_submitted()
    assert "#SBATCH --mem=954M" in (tmp_path / "job.sh").read_text()
    assert (tmp_path / "cancelled").read_text() == "4711\n"
