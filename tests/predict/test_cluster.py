"""The same bytes from a Dask cluster, whatever happens to its workers."""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from factory_core.kernel import io
from factory_core.kernel.errors import ComputeError
from factory_core.kernel.parts import load_part
from factory_core.postprocess import stage as postprocess
from factory_core.predict import layout, stage
from tests.onnx_models import write_box_model, write_oriented_box_model, write_score_model
from tests.predict import counting_worker
from tests.predict.dask_processes import IMPATIENT, cluster_in, wait_until
from tests.slurm_server import slurm_in

pytestmark = pytest.mark.slow
MODELS = {
    "score map": (write_score_model, ("red", "green", "blue")),
    "boxes": (write_box_model, ("grey",)),
    "oriented boxes": (write_oriented_box_model, ("grey",)),
}
BLOCKS = 2 * 9
STAGE = """
import sys
from pathlib import Path
from omegaconf import OmegaConf
from factory_core.predict import stage
from tests.predict import counting_worker
counting_worker.count("coordinator")
folder = Path(sys.argv[2])
stage.run(OmegaConf.load(sys.argv[1]), models=folder / "models", scenes=folder / "processed",
          selection=folder / "selection", split="test", out=folder / "predictions" / sys.argv[3])
"""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(layout, "BLOCK_PX", 30)


@pytest.fixture
def inputs(tmp_path, write_scene, write_selection):
    """Two scenes of nine blocks each, and a model of the kind asked for."""

    def write(kind="score map"):
        write_model, bands = MODELS[kind]
        write_model(tmp_path / "models/0/model.onnx")
        rng = np.random.default_rng(0)
        scenes = {
            name: write_scene(
                rng.integers(1, 256, (len(bands), 60, 60), np.uint8), name=name, bands=bands
            )
            for name in "ab"
        }
        write_selection(scenes)

    return write


@pytest.fixture
def predict(tmp_path, config):
    def run(out, **compute):
        """Predict on a cluster, or here, and give the bytes of every file."""
        if compute:
            part = "factory_core.kernel.compute.Dask"
            config.compute = {"_target_": part, "wait_s": 60.0, **compute}
        folder = tmp_path / "predictions" / out
        stage.run(
            config,
            models=tmp_path / "models",
            scenes=tmp_path / "processed",
            selection=tmp_path / "selection",
            split="test",
            out=folder,
        )
        return bytes_of(folder)

    return run


def bytes_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two workers on loopback, one with a GPU by name."""
    with cluster_in(tmp_path_factory.mktemp("cluster"), block_s=0.05) as started:
        started.address = started.scheduler()
        started.worker("plain", started.address, resources="MEMORY=2e9")
        started.worker("gpu", started.address, resources="MEMORY=1e9,GPU=1")
        yield started


@pytest.mark.parametrize("kind", MODELS)
def test_gives_the_bytes_of_this_machine(inputs, predict, cluster, kind):
    inputs(kind)
    here = predict("here")
    cluster.forget()
    assert predict("there", address=cluster.address) == here
    assert len(here) == 2
    done = cluster.computed()
    assert len(done) == len({(scene, block) for _, scene, block in done}) == BLOCKS
    assert {worker for worker, *_ in done} == {"plain", "gpu"}


def test_work_goes_where_its_resources_are(inputs, predict, cluster):
    inputs()
    cluster.forget()
    needs = {"predict": {"GPU": 1.0}, "write": {"MEMORY": 1.5e9}}
    predict("there", address=cluster.address, resources=needs)
    assert {worker for worker, *_ in cluster.computed()} == {"gpu"}


def test_says_that_no_worker_has_what_is_needed(inputs, predict, cluster):
    inputs()
    with pytest.raises(ComputeError, match=r"no worker has TPU=2.*MEMORY=1e\+09 GPU=1"):
        predict("x", address=cluster.address, resources={"predict": {"TPU": 2.0}}, wait_s=1.0)


def test_says_that_no_scheduler_answers(inputs, predict):
    inputs()
    with pytest.raises(ComputeError, match=r"tcp://127\.0\.0\.1:9'.*dask scheduler"):
        predict("x", address="tcp://127.0.0.1:9", wait_s=1.0)


def test_postprocess_gives_the_same_bytes_there(tmp_path, inputs, predict, cluster):
    inputs()
    predict("test")
    names = ("threshold", "polygonise", "simplify")
    tasks = {name: load_part("postprocess", name) for name in names}
    found = []
    for address in ("", cluster.address):
        machine = {"_target_": "factory_core.kernel.compute.Local", "workers": 1}
        if address:
            machine = {"_target_": "factory_core.kernel.compute.Dask", "address": address}
        settings = {"postprocess": {"tasks": tasks, "order": list(names)}, "compute": machine}
        out = tmp_path / f"{bool(address)}.parquet"
        postprocess.run(
            OmegaConf.create(settings),
            predictions=tmp_path / "predictions/test",
            selection=tmp_path / "selection",
            split="test",
            out=out,
        )
        found.append(out.read_bytes())
    assert found[0] == found[1]
    assert len(io.read_table(out)) > 0


def test_a_worker_that_dies_loses_nothing(tmp_path, inputs, predict):
    inputs()
    here = predict("here")
    with cluster_in(tmp_path / "cluster", block_s=0.3) as cluster:
        address = cluster.scheduler()
        workers = [cluster.worker(name, address) for name in ("first", "second")]
        killer = kill_when(cluster, workers[1], "second")
        assert predict("there", address=address) == here
        killer.join()
        assert workers[1].poll() == -signal.SIGKILL
        done = cluster.computed()
        assert {(scene, block) for _, scene, block in done} == blocks_of("ab")
        # What it had not finished is done again, and nothing else.
        assert BLOCKS <= len(done) <= BLOCKS + 2


def test_a_cancelled_job_of_slurm_loses_nothing(tmp_path, config, inputs, predict):
    """Jobs are there while the stage runs, compute all of it, and are gone after it."""
    inputs()
    here = predict("here")
    (tmp_path / "slurm").mkdir()
    with slurm_in(tmp_path / "slurm") as slurm:
        counted = json.dumps([str(Path(counting_worker.__file__))])
        settings = {**slurm.environment, "DASK_DISTRIBUTED__WORKER__PRELOAD": counted}
        with cluster_in(tmp_path / "cluster", block_s=0.2, settings=settings) as cluster:
            asked = {"jobs": 2, "cores": 1, "memory": "1GB", "interface": "lo"}
            config.compute = load_part("compute", "slurm") | asked
            OmegaConf.save(config, tmp_path / "config.yaml")
            command = ["-c", STAGE, str(tmp_path / "config.yaml"), str(tmp_path), "there"]
            run = cluster.start(*command)
            wait_until(lambda: len(cluster.computed()) >= 2, what="two blocks")
            name = cluster.computed()[1][0]
            (cancelled,) = [job for job in slurm.running() if works_as(slurm, job, name)]
            slurm.ask("scancel", cancelled)
            assert run.wait() == 0, logs(cluster)
            done = cluster.computed()
        wait_until(lambda: not slurm.jobs(), what="the end of all jobs")
        assert slurm.ended()[cancelled] == "CANCELLED"
        assert len(slurm.ended()) >= 2
    assert bytes_of(tmp_path / "predictions/there") == here
    assert {(scene, block) for _, scene, block in done} == blocks_of("ab")
    # What the cancelled job was at is done again, and nothing else.
    assert BLOCKS <= len(done) <= BLOCKS + 2


def works_as(slurm, job, name):
    return f"--name {name} " in slurm.ask("scontrol", "write", "batch_script", job, "-")


def kill_when(cluster, process, name):
    """Kill a worker in the middle of its second block."""
    from threading import Thread

    def kill():
        wait_until(
            lambda: sum(worker == name for worker, *_ in cluster.computed()) >= 2, what="two blocks"
        )
        process.kill()

    thread = Thread(target=kill)
    thread.start()
    return thread


def blocks_of(scenes):
    return {
        (scene, f"{row}-{column}") for scene in scenes for row in range(3) for column in range(3)
    }


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_killed_coordinator_goes_on_with_the_next_block(tmp_path, config, inputs, predict, where):
    """Blocks that were finished are not computed again, on this machine and on a cluster."""
    inputs()
    expected = predict("expected")
    with cluster_in(tmp_path / "cluster", block_s=0.2) as cluster:
        if where == "there":
            address = cluster.scheduler()
            cluster.worker("only", address)
            config.compute = {"_target_": "factory_core.kernel.compute.Dask", "address": address}
        OmegaConf.save(config, tmp_path / "config.yaml")
        command = ["-c", STAGE, str(tmp_path / "config.yaml"), str(tmp_path), "again"]
        first = cluster.start(*command)
        wait_until(lambda: len(cluster.computed()) >= 5, what="five blocks")
        first.kill()
        first.wait()
        assert not (tmp_path / "predictions/again").exists()
        assert cluster.start(*command).wait() == 0, logs(cluster)
        done = Counter((scene, block) for _, scene, block in cluster.computed())
        assert set(done) == blocks_of("ab")
        unfinished = 1 if where == "here" else 2  # a worker may begin one more before it hears
        assert sum(done.values()) <= BLOCKS + unfinished
    assert bytes_of(tmp_path / "predictions/again") == expected


def logs(cluster):
    return "\n".join(file.read_text()[-3000:] for file in sorted(cluster.folder.glob("*.log")))


@pytest.fixture
def hosts():
    """Three hosts as network namespaces on one bridge: what runs a program there, its address."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces are made by root alone")
    if shutil.which("ip") is None:
        from tests.debian import install

        install("iproute2")
    tag = f"f{os.getpid() % 100_000}"
    made = [["link", "add", f"{tag}br", "type", "bridge"], ["link", "set", f"{tag}br", "up"]]
    for number in range(3):
        name = f"{tag}h{number}"
        made += [
            ["netns", "add", name],
            ["link", "add", f"{name}o", "type", "veth", "peer", "name", "eth0", "netns", name],
            ["link", "set", f"{name}o", "master", f"{tag}br", "up"],
            [
                "-n",
                name,
                "addr",
                "add",
                f"10.213.{os.getpid() % 250}.{number + 1}/24",
                "dev",
                "eth0",
            ],
            ["-n", name, "link", "set", "eth0", "up"],
            ["-n", name, "link", "set", "lo", "up"],
        ]
    try:
        for command in made:
            done = subprocess.run(["ip", *command], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no network namespaces: ip {' '.join(command)}: {done.stderr.strip()}")
        yield [
            (f"{tag}h{number}", f"10.213.{os.getpid() % 250}.{number + 1}") for number in range(3)
        ]
    finally:
        for number in range(3):
            subprocess.run(
                ["ip", "netns", "del", f"{tag}h{number}"], capture_output=True, check=False
            )
        subprocess.run(["ip", "link", "del", f"{tag}br"], capture_output=True, check=False)


def cut_off(host):
    """Take the cable out of a host: nobody is told, packets just do not arrive."""
    subprocess.run(["ip", "link", "set", f"{host}o", "down"], check=True)


def test_a_host_that_is_cut_off_loses_nothing_and_doubles_nothing(
    tmp_path, config, inputs, predict, hosts
):
    """Three hosts: one has the stage and the scheduler, two have a worker each."""
    inputs()
    here = predict("here")
    on = {name: ["ip", "netns", "exec", name] for name, _ in hosts}
    (first, first_address), *others = hosts
    with cluster_in(tmp_path / "cluster", block_s=0.3, settings=IMPATIENT) as cluster:
        address = cluster.scheduler(address=first_address, host=on[first])
        assert first_address in address
        for name, own in others:
            cluster.worker(name, address, address=own, host=on[name])
        config.compute = {"_target_": "factory_core.kernel.compute.Dask", "address": address}
        OmegaConf.save(config, tmp_path / "config.yaml")
        command = ["-c", STAGE, str(tmp_path / "config.yaml"), str(tmp_path), "there"]
        run = cluster.start(*command, host=on[first])
        lost, kept = others[1][0], others[0][0]
        wait_until(
            lambda: sum(worker == lost for worker, *_ in cluster.computed()) >= 2, what="two blocks"
        )
        assert run.poll() is None
        cut_off(lost)
        assert run.wait() == 0, logs(cluster)
        done = cluster.computed()
    assert bytes_of(tmp_path / "predictions/there") == here
    assert {(scene, block) for _, scene, block in done} == blocks_of("ab")
    assert {worker for worker, *_ in done} == {lost, kept}
    # Only what the lost host had begun or been given is computed by the other one too.
    assert not [
        path for path in Path(tmp_path / "predictions").iterdir() if path.suffix == ".partial"
    ]
