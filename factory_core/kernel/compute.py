"""The one door to parallel work: this machine, or a Dask cluster."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing import get_context
from queue import SimpleQueue
from typing import Any, TypeVar

from factory_core.kernel.errors import ComputeError, FactoryError
from factory_core.kernel.jobs import Job, Pool, Task, count_tasks, flow, follow
from factory_core.kernel.resources import check_resources, needs_of, sum_up

WORKERS_ELSEWHERE = 32
Item = TypeVar("Item")
Result = TypeVar("Result")


class Compute(ABC):
    """A machine: where the items of a stage are worked on."""

    @property
    @abstractmethod
    def at_once(self) -> int:
        """Tasks that it works on at once, as far as that is known before it is opened."""

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, label: str
    ) -> list[Result]:
        """Results of `function` for each of `items`, in their order; the first error ends it.

        Args:
            function: Picklable, for other processes.
            items: Its arguments.
            label: What progress says; begins with one of `resources.WORK`.

        Raises:
            ComputeError: The machine cannot be worked on.
        """
        found: list[Any] = [None] * len(items)
        tasks = deque(Task(number, function, item) for number, item in enumerate(items))
        with self._open(label, tasks=len(items)) as pool:
            for task, future in progress(flow(pool, tasks), label=label, total=len(items)):
                found[task.number] = pool.result(future)
        return found

    def finish_jobs(
        self,
        jobs: Sequence[Job],
        *,
        piece: Callable[[Any], None],
        whole: Callable[[Any], None],
        label: str,
    ) -> dict[str, FactoryError]:
        """Work on the pieces of all jobs, and on each whole as soon as its pieces are done.

        Args:
            jobs: What to do, in this order where one machine does it alone.
            piece: Picklable; called with each piece.
            whole: Picklable; called with what the job has as `whole`.
            label: What progress says; begins with one of `resources.WORK`.

        Returns:
            By name, the error of each job that failed; all others are finished.

        Raises:
            ComputeError: The machine cannot be worked on.
        """
        failed: dict[str, FactoryError] = {}
        with self._open(label, tasks=count_tasks(jobs)) as pool:
            ended = follow(pool, jobs, piece=piece, whole=whole)
            for number, error in progress(ended, label=label, total=count_tasks(jobs)):
                if error is not None:
                    failed.setdefault(jobs[number].name, error)
        return failed

    @abstractmethod
    def _open(self, label: str, *, tasks: int) -> AbstractContextManager[Pool]:
        """Where `tasks` tasks run, for as long as the context lasts."""


@dataclass(frozen=True)
class Local(Compute):
    """Work on this machine, in `workers` processes.

    Args:
        workers: 1 works in this process, which libraries with threads of their own
            (ONNX Runtime, GDAL) already fill.
    """

    workers: int = 1

    @property
    def at_once(self) -> int:
        """One a worker."""
        return self.workers

    def _open(self, label: str, *, tasks: int) -> AbstractContextManager[Pool]:  # noqa: ARG002
        if self.workers == 1 or tasks < 2:
            return nullcontext(Here())
        return _processes(self.workers)


class Here:
    """This process, one task at a time."""

    room = 1

    def submit(self, task: Task) -> Future[Any]:
        """Do `task`, and keep its result or error."""
        future: Future[Any] = Future()
        try:
            future.set_result(task.function(task.item))
        except Exception as error:  # noqa: BLE001 (kept for whoever asks for the result)
            future.set_exception(error)
        return future

    def next_done(self, ended: SimpleQueue[tuple[Task, Any]]) -> tuple[Task, Any]:
        """The next task of `ended`."""
        return ended.get()

    def result(self, future: Future[Any]) -> Any:
        """What the task gave, or its error."""
        return future.result()


@contextmanager
def _processes(workers: int) -> Iterator[Pool]:
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        try:
            yield _Processes(executor, workers)
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


class _Processes:
    """Processes of this machine; twice as many tasks wait in them as they work on."""

    def __init__(self, executor: ProcessPoolExecutor, workers: int) -> None:
        self.executor = executor
        self.room = 2 * workers

    def submit(self, task: Task) -> Future[Any]:
        try:
            return self.executor.submit(task.function, task.item)
        except BrokenProcessPool as error:
            raise _broken(error) from error

    def next_done(self, ended: SimpleQueue[tuple[Task, Any]]) -> tuple[Task, Any]:
        return ended.get()

    def result(self, future: Future[Any]) -> Any:
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise _broken(error) from error


def _broken(error: Exception) -> ComputeError:
    return ComputeError(
        f"A process that worked for this stage was killed, perhaps for want of memory ({error}). "
        "What was finished is kept: start the stage again, with fewer `compute.workers`."
    )


@dataclass(frozen=True)
class Dask(Compute):
    """Work on a Dask cluster whose workers see the files of this detector at the same place.

    Args:
        address: Scheduler, `tcp://host:8786`; empty starts a cluster on this machine.
        workers: Processes of the cluster started here; not read with an `address`.
        resources: By work (`predict`, `write`, ...), what a worker must have free for one item,
            as it was started with: `{predict: {GPU: 1}}` for `dask worker --resources GPU=1`.
            Workers that are started here have it.
        wait_s: How long to wait for the scheduler, and while no worker has what is needed.
    """

    address: str = ""
    workers: int = 2
    resources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    wait_s: float = 60.0

    def __post_init__(self) -> None:
        check_resources(self.resources)

    @property
    def at_once(self) -> int:
        """One a worker; of a cluster that others started, a guess on the high side."""
        return WORKERS_ELSEWHERE if self.address else self.workers

    def _open(self, label: str, *, tasks: int) -> AbstractContextManager[Pool]:
        if not tasks:
            return nullcontext(Here())
        from factory_core.kernel.cluster import existing, local, work_on

        if self.address:
            opened = existing(self.address, wait_s=self.wait_s)
        else:
            opened = local(self.workers, resources=sum_up(self.resources))
        return work_on(opened, needs=needs_of(self.resources, label), wait_s=self.wait_s)


def progress(items: Iterable[Item], *, label: str, total: int | None = None) -> Generator[Item]:
    """Pass `items` on, with a bar on a terminal or a line a tenth in a log, and the time left.

    Args:
        items: Anything that can be gone through once.
        label: What is counted, `predict val`, say.
        total: Number of items, where `items` has no length.
    """
    if total is None:
        total = len(items)  # type: ignore[arg-type]  # the caller's promise, see `total`
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import track

        yield from track(items, description=label, total=total, console=Console(stderr=True))
        return
    step = max(1, -(-total // 10))
    started = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        if total >= 10 and (count % step == 0 or count == total):
            left_s = round((time.monotonic() - started) * (total - count) / count)
            left = f", {timedelta(seconds=left_s)} left" if left_s else ""
            print(f"{label}: {count} of {total}{left}", file=sys.stderr, flush=True)
