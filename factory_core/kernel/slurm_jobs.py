"""The jobs of a Slurm cluster: submitted, watched, and submitted again when they end early."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from dask_jobqueue.slurm import SLURMJob
from distributed import Client, Scheduler
from distributed.deploy.spec import ProcessInterface
from distributed.diagnostics.plugin import SchedulerPlugin

from factory_core.kernel.errors import ComputeError

# Jobs that may end before their worker comes, until a worker comes.
TRIES = 3
LAST_LINES = 3
# The job is over, only its node is not free yet.
OVER = "COMPLETING"


class Job(SLURMJob):
    """A job that keeps what `sbatch` refuses it for; raised, it would end in a log.

    Dask expects of a job that its status is kept, too, which dask-jobqueue leaves out.

    Attributes:
        refusal: What `sbatch` said; empty where it took the job.
    """

    refusal = ""

    async def start(self) -> None:
        """Submit it."""
        try:
            await super().start()
        except FileNotFoundError:
            self.refusal = "there is no `sbatch` on this machine"
        except (OSError, RuntimeError, ValueError) as error:
            self.refusal = _said(str(error))
        await ProcessInterface.start(self)

    async def close(self) -> None:
        """Cancel it."""
        await super().close()
        await ProcessInterface.close(self)


def _said(text: str) -> str:
    """What the error of dask-jobqueue says that `sbatch` said."""
    lines = text.partition("stderr:")[2].strip().splitlines() or [text]
    return "; ".join(line.removeprefix("sbatch: error: ") for line in lines)


class Jobs:
    """Jobs of Slurm, each with a worker of one Dask cluster; they end with `close`.

    A job whose worker was lost, at its walltime say, is submitted again; so is one that ended
    before its worker came, a few times.

    Attributes:
        client: Of that cluster.
    """

    def __init__(self, cluster: Any, *, jobs: int, logs: Path) -> None:
        """Submit `jobs` jobs.

        Args:
            cluster: `dask_jobqueue.SLURMCluster` of jobs of the class `Job`, without any yet.
            jobs: How many to have.
            logs: Folder of what they print.

        Raises:
            ComputeError: Slurm takes none of them.
        """
        self.cluster, self.logs = cluster, logs
        self.ended_early: Counter[str] = Counter()
        self.came: set[str] = set()
        cluster.scheduler.add_plugin(_Arrivals(self))
        self.client = Client(cluster, set_as_default=False)
        cluster.scale(jobs)
        self.look()

    def look(self) -> None:
        """Submit again what has ended.

        Raises:
            ComputeError: There is no job, and to submit again does not help.
        """
        self.cluster.sync(self._look)

    def queue(self) -> str:
        """What is in the queue, in words."""
        states: dict[str, str] | None = self.cluster.sync(self._states)
        if states is None:
            return "unknown, `squeue` does not answer"
        own = Counter(states[job.job_id] for job in self._submitted() if job.job_id in states)
        return ", ".join(f"{count} {state}" for state, count in own.items()) or "none"

    def close(self) -> None:
        """Cancel all jobs."""
        self.client.close()
        self.cluster.close()

    async def _look(self) -> None:
        self.came.intersection_update(self.cluster.workers)
        await self.cluster  # what Dask gave up for lost is submitted again
        if self.came.issuperset(self.cluster.workers):
            return
        states = await self._states()
        alive, again, last = False, [], None
        for name, job in list(self.cluster.workers.items()):
            gone = states is not None and job.job_id not in states
            if name in self.came or not (job.refusal or gone):
                alive = True
            elif self.ended_early[name] < TRIES:
                self.ended_early[name] += 1
                again.append(name)
                last = job
        if not alive:
            self._give_up(last or self._submitted()[-1])
        for name in again:
            del self.cluster.workers[name]
        await self.cluster

    async def _states(self) -> dict[str, str] | None:
        """By number, the state of each job of this user that waits or runs; None: no answer."""
        asked = ["squeue", "--noheader", f"--user={os.getuid()}", "--format=%A|%T|%r"]
        try:
            lines = (await Job._call(asked)).splitlines()
        except (OSError, RuntimeError):
            return None
        jobs = (line.split("|") for line in lines if line.count("|") == 2)
        return {number: f"{state} ({reason})" for number, state, reason in jobs if state != OVER}

    def _submitted(self) -> list[Job]:
        return list(self.cluster.workers.values())

    def _give_up(self, job: Job) -> None:
        """Raise for the last of the jobs that were refused, or that ended too often."""
        if job.refusal:
            raise ComputeError(
                f"Slurm takes no job: {job.refusal}. Change what `compute` asks for (queue, "
                "account, cores, memory, walltime, directives), and start the stage where jobs "
                "are submitted."
            )
        if (count := self.ended_early.total()) < TRIES:
            return
        raise ComputeError(
            f"{count} jobs of Slurm ended before their worker came. The last is {job.job_id}; "
            f"{_end_of_log(self.logs, str(job.job_id))}. Mend that (`compute.prologue`, "
            "`compute.memory`, `compute.interface`), and start the stage again."
        )


class _Arrivals(SchedulerPlugin):
    """Notes whose worker came: that job did what it could, and all may be tried again."""

    name = "arrivals"

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        self.jobs.came.add(str(scheduler.workers[worker].name))
        self.jobs.ended_early.clear()


def _end_of_log(folder: Path, number: str) -> str:
    """The last lines that a job wrote, and where the rest is."""
    files = sorted(folder.glob(f"*-{number}.err"))
    if not files:
        return f"it left no log in {folder}, which its node must see"
    lines = files[0].read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
    return f"{files[0]} ends: {' / '.join(lines) or '(empty)'}"
