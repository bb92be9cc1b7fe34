"""Tasks in flight on a machine, in the order that frees what they hold soonest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from factory_core.kernel.errors import ComputeError, FactoryError


@dataclass(frozen=True)
class Job:
    """Work in pieces, in any order and anywhere, and what puts them together.

    Attributes:
        name: What a report calls it: the name of a scene, say.
        pieces: Each is worked on alone, and leaves its result on disk.
        whole: What is worked on when all pieces are done.
    """

    name: str
    pieces: Sequence[Any]
    whole: Any


@dataclass(frozen=True)
class Task:
    """One call: a `function` of one `item`.

    Attributes:
        number: Of the job, or of the item, that it belongs to.
        function: Picklable, for other processes.
        item: Its argument.
        finishes: Whether it puts the pieces of a job together.
    """

    number: int
    function: Callable[[Any], Any]
    item: Any
    finishes: bool = False


class Future(Protocol):
    """What a pool gives for a task."""

    def add_done_callback(self, function: Callable[[Any], Any], /) -> None:
        """Call `function` with this once the task has ended."""


class Pool(Protocol):
    """Where tasks run.

    Attributes:
        room: Tasks that it should hold at once.
    """

    room: int

    def submit(self, task: Task) -> Future:
        """Begin `task`; it has ended by then where there is but this process."""

    def next_done(self, ended: SimpleQueue[tuple[Task, Any]]) -> tuple[Task, Any]:
        """The next task of `ended`, once there is one."""

    def result(self, future: Any) -> Any:
        """What the task gave, or its error."""


def count_tasks(jobs: Sequence[Job]) -> int:
    """Tasks of `jobs`: each piece, and what puts the pieces together."""
    return sum(len(job.pieces) + 1 for job in jobs)


def follow(
    pool: Pool,
    jobs: Sequence[Job],
    *,
    piece: Callable[[Any], None],
    whole: Callable[[Any], None],
) -> Iterator[tuple[int, FactoryError | None]]:
    """Work through `jobs`; where a piece fails, the rest of its job is not begun.

    Yields:
        Number of the job of each task, as they end or need no more to be done, and the error.

    Raises:
        ComputeError: The machine cannot go on.
    """
    waiting = deque(
        task
        for number, job in enumerate(jobs)
        for task in (
            [Task(number, piece, item) for item in job.pieces]
            or [Task(number, whole, job.whole, finishes=True)]
        )
    )
    left = [len(job.pieces) for job in jobs]
    failed: set[int] = set()
    for task, future in flow(pool, waiting, dropped=failed):
        number = task.number
        error = None
        if future is not None:
            try:
                pool.result(future)
            except ComputeError:
                raise
            except FactoryError as failure:
                error = failure
                if not task.finishes:
                    failed.add(number)
        yield number, error
        if task.finishes:
            continue
        left[number] -= 1
        if left[number] == 0 and number in failed:
            yield number, None  # what was to put it together
        elif left[number] == 0:
            # Before all else: only then are the pieces off the disk.
            waiting.appendleft(Task(number, whole, jobs[number].whole, finishes=True))


def flow(
    pool: Pool, waiting: deque[Task], *, dropped: Container[int] = ()
) -> Iterator[tuple[Task, Any]]:
    """Each task with its future, as they end; those of `dropped` jobs are not begun.

    Both `waiting` and `dropped` may grow meanwhile.
    """
    ended: SimpleQueue[tuple[Task, Any]] = SimpleQueue()
    running = 0
    while waiting or running:
        while waiting and running < pool.room:
            task = waiting.popleft()
            if task.number in dropped:
                yield task, None
                continue
            future = pool.submit(task)
            future.add_done_callback(partial(_put, ended, task))
            running += 1
        if running:
            found = pool.next_done(ended)
            running -= 1
            yield found


def _put(ended: SimpleQueue[tuple[Task, Any]], task: Task, future: Any) -> None:
    ended.put((task, future))
