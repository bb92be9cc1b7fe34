"""A real scheduler and real workers, each a process of its own, on this host or on others."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 600
# A connection that is cut is noticed by the kernel, in the least time that Dask takes for it.
IMPATIENT = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


class Cluster:
    """Starts processes of Dask and ends them all; knows which blocks its workers computed."""

    def __init__(self, folder, *, block_s, settings):
        self.folder = folder
        self.log = folder / "computed.txt"
        self.log.touch()
        self.environment = {
            **os.environ,
            **ONE_THREAD,
            **settings,
            "COMPUTED": str(self.log),
            "BLOCK_S": str(block_s),
        }
        self.started = []

    def start(self, *command, host=()):
        """Start a Python program, on another host with `host` as what runs it there."""
        with (self.folder / f"{len(self.started)}.log").open("w") as log:
            process = subprocess.Popen(
                [*host, sys.executable, *command],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self.started.append(process)
        return process

    def scheduler(self, *, address="127.0.0.1", host=()):
        """Start the scheduler and give where it listens."""
        file = self.folder / "scheduler.json"
        module = ["-m", "distributed.cli.dask_scheduler", "--dashboard-address", "127.0.0.1:0"]
        where = ["--host", address, "--port", "0", "--scheduler-file", str(file)]
        self.start(*module, *where, host=host)
        wait_until(lambda: file.exists() and "address" in file.read_text(), what="a scheduler")
        return json.loads(file.read_text())["address"]

    def worker(self, name, scheduler, *, resources="", address="127.0.0.1", host=()):
        """Start a worker, whose blocks are counted."""
        module = ["-m", "distributed.cli.dask_worker", scheduler, "--no-nanny", "--no-dashboard"]
        module += ["--death-timeout", str(PATIENCE_S)]
        given = ["--name", name, "--nthreads", "1", "--host", address]
        preload = ["--preload", str(Path(__file__).with_name("counting_worker.py"))]
        offered = ["--resources", resources] if resources else []
        return self.start(*module, *given, *preload, *offered, host=host)

    def computed(self):
        """Worker, scene and block of each computation that began."""
        return [tuple(line.split()) for line in self.log.read_text().splitlines()]

    def forget(self):
        """Begin to count anew."""
        self.log.write_text("")

    def end(self):
        """Kill what was started, a stopped process too."""
        for process in self.started:
            process.send_signal(signal.SIGKILL)
        for process in self.started:
            process.wait()


@contextmanager
def cluster_in(folder, *, block_s=0.0, settings=None):
    """A cluster without a process yet, which ends with the context."""
    folder.mkdir(parents=True, exist_ok=True)
    cluster = Cluster(folder, block_s=block_s, settings=settings or {})
    try:
        yield cluster
    finally:
        cluster.end()


def wait_until(holds, *, what):
    """Wait until `holds()`, and fail by name if it never does."""
    for _ in range(PATIENCE_S * 20):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_S} s for {what}")
