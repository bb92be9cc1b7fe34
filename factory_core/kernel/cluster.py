"""Tasks on the workers of a Dask cluster."""

from __future__ import annotations

import atexit
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import distributed
from distributed.scheduler import KilledWorker

from factory_core.kernel.errors import ComputeError, FactoryError
from factory_core.kernel.jobs import Task

# Tasks that the scheduler is given at once: enough for every worker of a large cluster.
ROOM = 2000
FINISH_FIRST = 1
KEPT = "What was finished is kept: start the stage again."
# How often to look after jobs: `squeue` is a burden where many ask.
LOOK_S = 15.0


class Jobs(Protocol):
    """Jobs in the queue of a computing centre, whose workers are those of a cluster."""

    client: distributed.Client

    def look(self) -> None:
        """See to it that there are workers, or are going to be; an error where that is vain."""

    def queue(self) -> str:
        """What is in the queue, in words."""

    def close(self) -> None:
        """Cancel them."""


_SUBMITTED: dict[str, Jobs] = {}


@contextmanager
def existing(address: str, *, wait_s: float) -> Iterator[distributed.Client]:
    """A client of the scheduler at `address`."""
    try:
        client = distributed.Client(address, timeout=wait_s, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ComputeError(
            f"No Dask scheduler answered at {address!r} within {wait_s:g} s ({error}). Start one "
            "with `dask scheduler`, and set `compute.address` to what it prints."
        ) from error
    with client:
        yield client


@contextmanager
def local(workers: int, *, resources: Mapping[str, float]) -> Iterator[distributed.Client]:
    """A client of a cluster on this machine, which ends with it."""
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        host="127.0.0.1",
        resources=dict(resources),
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        yield client


def submitted(name: str, submit: Callable[[], Jobs]) -> Jobs:
    """Jobs that stay until `end_submitted`: a stage asks several times, and waits once.

    Args:
        name: Which: the same name, the same jobs.
        submit: Submits them.
    """
    if name not in _SUBMITTED:
        _SUBMITTED[name] = submit()
    return _SUBMITTED[name]


@atexit.register
def end_submitted() -> None:
    """Cancel the jobs of this process."""
    while _SUBMITTED:
        _SUBMITTED.popitem()[1].close()


@contextmanager
def work_on(
    opened: AbstractContextManager[distributed.Client],
    *,
    needs: Sequence[Mapping[str, float]],
    wait_s: float,
) -> Iterator[Workers]:
    """The workers of a cluster, as a pool.

    Args:
        opened: Gives the client.
        needs: What a worker must have free for a piece, and to put pieces together.
        wait_s: How long to wait while no worker has what is needed.
    """
    with opened as client:
        yield Workers(client, needs, wait_s)


@contextmanager
def work_in(
    jobs: Jobs, *, needs: Sequence[Mapping[str, float]], wait_s: float
) -> Iterator[Workers]:
    """The workers of jobs, as a pool; an error ends all jobs, for nobody comes back to them.

    Args:
        jobs: From `submitted`.
        needs: As for `work_on`.
        wait_s: As for `work_on`.
    """
    try:
        yield Workers(jobs.client, needs, wait_s, jobs=jobs)
    except BaseException:
        end_submitted()
        raise


class Workers:
    """The workers of a cluster; one that is lost has its tasks done by another."""

    room = ROOM

    def __init__(
        self,
        client: distributed.Client,
        needs: Sequence[Mapping[str, float]],
        wait_s: float,
        *,
        jobs: Jobs | None = None,
    ) -> None:
        """Work on the workers of `client`.

        Args:
            client: Of the cluster.
            needs: As for `work_on`.
            wait_s: As for `work_on`.
            jobs: That have the workers, looked after while there is work; None: others do that.
        """
        self.client, self.needs, self.wait_s, self.jobs = client, needs, wait_s, jobs
        self.looked_s = time.monotonic()
        self.wrapped: dict[Callable[[Any], Any], Callable[[Any], Any]] = {}

    def submit(self, task: Task) -> distributed.Future[Any]:
        """Begin `task` on a worker that has what it needs."""
        if task.function not in self.wrapped:
            self.wrapped[task.function] = _InFolder(
                str(Path.cwd()), version("factory-core"), pickle.dumps(task.function)
            )
        return self.client.submit(
            self.wrapped[task.function],
            task.item,
            pure=False,
            priority=FINISH_FIRST if task.finishes else 0,
            resources=dict(self.needs[task.finishes]) or None,
        )

    def next_done(self, ended: SimpleQueue[tuple[Task, Any]]) -> tuple[Task, Any]:
        """The next task of `ended`.

        Raises:
            ComputeError: The scheduler is gone, or every worker that has what a task needs.
        """
        since_s = time.monotonic()
        while True:
            self._look()
            try:
                return ended.get(timeout=min(self.wait_s, LOOK_S))
            except Empty:
                if time.monotonic() >= since_s + self.wait_s:
                    self._check_workers()
                    since_s = time.monotonic()

    def _look(self) -> None:
        if self.jobs is not None and time.monotonic() >= self.looked_s + LOOK_S:
            self.jobs.look()
            self.looked_s = time.monotonic()

    def _check_workers(self) -> None:
        try:
            workers = self.client.scheduler_info()["workers"].values()
        except (OSError, ValueError) as error:
            raise _lost(error) from error
        if self.jobs is not None and not workers:
            raise ComputeError(
                f"For {self.wait_s:g} s nothing was done, and no job has begun. In the queue: "
                f"{self.jobs.queue()}. Ask for less, or for another `compute.queue`, or wait "
                f"longer: `compute.wait_s`. {KEPT}"
            )
        for needed in self.needs:
            if not any(
                all(worker["resources"].get(name, 0) >= amount for name, amount in needed.items())
                for worker in workers
            ):
                asked = _listed(needed) or "any"
                had = "; ".join(_listed(worker["resources"]) or "nothing" for worker in workers)
                start = "dask worker ADDRESS --nthreads 1"
                start += f" --resources '{_listed(needed)}'" if needed else ""
                raise ComputeError(
                    f"For {self.wait_s:g} s nothing was done, and no worker has {asked}. The "
                    f"{len(workers)} workers have: {had or 'nothing'}. Start one with `{start}`, "
                    f"or change `compute.resources`. {KEPT}"
                )

    def result(self, future: distributed.Future[Any]) -> Any:
        """What the task gave, or its error."""
        try:
            return future.result()
        except KilledWorker as error:
            raise FactoryError(
                f"Every worker that worked on it was lost ({error.allowed_failures + 1} of them), "
                "perhaps for want of memory. Give workers more, or `predict.batch_size` less."
            ) from error
        except CancelledError as error:
            raise _lost(error) from error


def _listed(resources: Mapping[str, float]) -> str:
    return " ".join(f"{name}={amount:g}" for name, amount in resources.items())


def _lost(error: Exception) -> ComputeError:
    return ComputeError(f"The Dask scheduler was lost ({error}). {KEPT}")


class _InFolder:
    """A function as a worker can call it: in the folder of the detector, whose package it may need.

    Attributes:
        folder: Where relative paths begin.
        version: Of this package, which the worker must have too.
        function: Pickled, since it may hold parts of the detector's own package.
    """

    def __init__(self, folder: str, version: str, function: bytes) -> None:
        self.folder, self.version, self.function = folder, version, function

    def __call__(self, item: Any) -> Any:
        _enter(self.folder, self.version)
        return _load(self.function)(item)


def _enter(folder: str, wanted: str) -> None:
    if (own := version("factory-core")) != wanted:
        raise ComputeError(
            f"The worker on {os.uname().nodename} has factory-core {own}, and this stage {wanted}. "
            "Start workers in the same environment."
        )
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if str(Path.cwd()) == folder:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise ComputeError(
            f"The worker on {os.uname().nodename} does not see the folder {folder} "
            f"({error.strerror}). Workers must see the detector at the same place: mount it there."
        ) from error


@lru_cache(maxsize=8)
def _load(function: bytes) -> Any:
    return pickle.loads(function)  # noqa: S301 (sent by the stage itself)
