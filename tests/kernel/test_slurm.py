"""Jobs of Slurm: what is asked for, and how they fare with a Slurm of the test's own."""

import os
import signal
import subprocess
import sys
import time
from threading import Thread

import dask
import pytest

from factory_core.kernel import cluster, config
from factory_core.kernel.cluster import end_submitted
from factory_core.kernel.errors import ComputeError, ConfigError
from factory_core.kernel.parts import load_part
from factory_core.kernel.slurm import Slurm
from tests.kernel.test_compute import square
from tests.slurm_server import slurm_in, wait_until

SMALL = {"jobs": 1, "cores": 1, "memory": "500MB", "interface": "lo"}


def test_names_the_extra_when_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(ComputeError, match=r"factory-core\[cluster\]"):
        Slurm().map(square, [1, 2], label="predict test")


def test_refuses_a_misspelt_work():
    node = load_part("compute", "slurm") | {"resources": {"predct": {"GPU": 1}}}
    with pytest.raises(ConfigError, match=r"predct.*Did you mean 'predict'"):
        config.build(node, where="compute")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("jobs", 0, "`jobs` must be 1 or more", id="no jobs"),
        pytest.param("memory", "plenty", "`memory` is no amount.*plenty", id="memory"),
    ],
)
def test_refuses_to_ask_for_nothing(key, value, words):
    with pytest.raises(ConfigError, match=words):
        config.build(load_part("compute", "slurm") | {key: value}, where="compute")


def test_says_that_there_is_no_such_network(tmp_path):
    with pytest.raises(ComputeError, match=r"ib7.*not a valid network.*compute\.interface"):
        Slurm(interface="ib7", logs=tmp_path).map(square, [1], label="predict test")


def test_says_that_no_jobs_are_submitted_here(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ComputeError, match=r"no `sbatch` on this machine"):
        Slurm(interface="lo", logs=tmp_path).map(square, [1], label="predict test")


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


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with slurm_in(tmp_path_factory.mktemp("slurm")) as started:
        yield started


@pytest.fixture
def submit(slurm, tmp_path, monkeypatch):
    """A machine of this Slurm, looked at often; its jobs end with the test."""
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cluster, "LOOK_S", 0.2)
    yield lambda **fields: Slurm(**SMALL | {"logs": tmp_path / "logs"} | fields)
    end_submitted()
    wait_until(lambda: not slurm.jobs(), what="the end of all jobs")


def hold(item):
    """Square a number, as soon as the test lets other jobs go on; says in which job."""
    folder, number = item
    job = os.environ["SLURM_JOB_ID"]
    (folder / f"{number} in {job}").touch()
    while {path.name for path in folder.glob("without *")} <= {f"without {job}"}:
        time.sleep(0.05)
    return square(number), job


@pytest.mark.slow
def test_a_job_that_is_cancelled_comes_again(slurm, submit, tmp_path):
    """What it was at is done by the next one, which stays until the end of the process."""
    cancelled = []

    def cancel():
        try:
            wait_until(lambda: list(tmp_path.glob("* in *")), what="an item in a job")
            cancelled.extend(slurm.running())
            slurm.ask("scancel", *cancelled)
        finally:
            (tmp_path / f"without {''.join(cancelled)}").touch()

    killer = Thread(target=cancel)
    machine = submit(resources={"predict": {"GPU": 1}})
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "100ms"}):
        killer.start()
        found = machine.map(hold, [(tmp_path, 3), (tmp_path, 2)], label="predict test")
        killer.join()
    (first,), (second,) = cancelled, slurm.running()
    assert found == [(9, second), (4, second)]
    assert len(list(tmp_path.glob(f"* in {first}"))) == 1
    assert machine.map(square, [5], label="write test") == [25]
    assert slurm.running() == [second]
    assert slurm.ended()[first] == "CANCELLED"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        pytest.param({"queue": "nope"}, "invalid partition specified: nope", id="partition"),
        pytest.param({"memory": "64GB"}, "node configuration is not available", id="memory"),
        pytest.param({"walltime": "soon"}, "Invalid --time", id="walltime"),
        pytest.param({"directives": ("--gres=gpu:1",)}, r"\(gres\)", id="gres"),
    ],
)
def test_says_at_once_what_slurm_refuses(slurm, submit, asked, words):
    with pytest.raises(ComputeError, match=f"Slurm takes no job: .*{words}"):
        submit(**asked).map(square, [1], label="predict test")
    assert not slurm.jobs()


@pytest.mark.slow
def test_says_what_jobs_wrote_that_end_before_their_worker_comes(slurm, submit):
    machine = submit(prologue=("echo no module cuda >&2", "exit 1"))
    before = len(slurm.ended())
    with pytest.raises(ComputeError, match=r"3 jobs .* ended before .*\.err ends: no module cuda"):
        machine.map(square, [1], label="predict test")
    wait_until(lambda: len(slurm.ended()) == before + 3, what="the end of three jobs")
    assert list(slurm.ended().values())[before:] == ["FAILED"] * 3


STAGE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from factory_core.kernel.slurm import Slurm
machine = Slurm(jobs=1, interface="lo", directives=("--hold",), logs=Path(sys.argv[1]))
machine.map(abs, [1], label="predict test")
"""


@pytest.mark.slow
def test_ctrl_c_takes_the_jobs_out_of_the_queue_and_is_no_success(slurm, tmp_path):
    environment = {**os.environ, **slurm.environment}
    stage = subprocess.Popen([sys.executable, "-c", STAGE, tmp_path], env=environment)
    wait_until(slurm.jobs, what="a job")
    stage.send_signal(signal.SIGINT)
    assert stage.wait() == -signal.SIGINT
    wait_until(lambda: not slurm.jobs(), what="the end of the job")


@pytest.mark.slow
def test_says_what_jobs_wait_for_that_do_not_begin(slurm, submit):
    """And takes them out of the queue."""
    machine = submit(directives=("--hold",), wait_s=0.5)
    with pytest.raises(ComputeError, match=r"queue: 1 PENDING \(JobHeldUser\)"):
        machine.map(square, [1], label="predict test")
    wait_until(lambda: not slurm.jobs(), what="the end of the job")
