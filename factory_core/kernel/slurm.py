"""Work in jobs of a Slurm cluster."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dask.utils import parse_bytes

from factory_core.kernel.compute import Compute, Here
from factory_core.kernel.errors import ComputeError
from factory_core.kernel.jobs import Pool
from factory_core.kernel.resources import check_resources, needs_of, sum_up


@dataclass(frozen=True)
class Slurm(Compute):
    """Work in jobs of a Slurm cluster, one Dask worker each; a job that ends early comes again.

    Jobs are submitted when a stage first has work, and cancelled when it ends. The stage itself
    runs where jobs are submitted, and its scheduler with it. All nodes see the
    detector and its environment at the same place. Needs the extra `cluster` (dask-jobqueue).

    Args:
        jobs: How many to submit.
        queue: Partition; empty: the cluster's default.
        account: Whom to charge; empty: nobody.
        cores: CPUs of a job; ONNX Runtime uses all of them.
        memory: Of a job: `16GB`.
        walltime: When a job ends: `04:00:00`. What it had not finished another one does.
        directives: Further options of `sbatch`: `--gres=gpu:1`.
        prologue: Lines of shell before the worker starts: `module load cuda`.
        interface: Network that scheduler and workers share: `ib0`; empty: the first.
        logs: Folder of the jobs' output.
        resources: As for `Dask`: by work, what one item needs; each worker has it.
        wait_s: How long to wait while no job has started.
    """

    jobs: int = 2
    queue: str = ""
    account: str = ""
    cores: int = 4
    memory: str = "16GB"
    walltime: str = "04:00:00"
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    interface: str = ""
    logs: Path = Path("logs/slurm")
    resources: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    wait_s: float = 3600.0

    def __post_init__(self) -> None:
        check_resources(self.resources)
        if self.jobs < 1:
            raise ValueError(f"`jobs` must be 1 or more. Received: {self.jobs}.")
        try:
            parse_bytes(self.memory)
        except ValueError as error:
            raise ValueError(f"`memory` is no amount of it: {error}. Say `16GB`.") from error

    @property
    def at_once(self) -> int:
        """One a job."""
        return self.jobs

    def cluster(self) -> Any:
        """The `dask_jobqueue.SLURMCluster`, without any job yet.

        Raises:
            ComputeError: dask-jobqueue is not installed, or there is no such network.
        """
        try:
            with _ctrl_c_kept():
                from dask_jobqueue.slurm import SLURMCluster
        except ModuleNotFoundError as error:
            raise ComputeError(
                "`compute: slurm` needs dask-jobqueue, which is not installed. Install the extra "
                "`cluster`: `pip install 'factory-core[cluster]'`."
            ) from error
        from factory_core.kernel.slurm_jobs import Job

        offered = " ".join(f"{name}={amount:g}" for name, amount in sum_up(self.resources).items())
        try:
            return SLURMCluster(
                job_cls=Job,  # type: ignore[arg-type]  # its own hint means a job, not the class
                queue=self.queue or None,
                account=self.account or None,
                # One item at a time, which has all cores.
                cores=1,
                processes=1,
                job_cpu=self.cores,
                memory=self.memory,
                walltime=self.walltime,
                job_extra_directives=list(self.directives),
                job_script_prologue=list(self.prologue),
                interface=self.interface or None,
                log_directory=str(self.logs),
                worker_extra_args=["--resources", f"'{offered}'"] if offered else [],
                scheduler_options={"dashboard_address": ":0"},
            )
        except RuntimeError as error:
            raise ComputeError(
                f"The scheduler for the workers does not start: {error}. Set "
                "`compute.interface` to a network that this machine shares with the nodes."
            ) from error

    def _open(self, label: str, *, tasks: int) -> AbstractContextManager[Pool]:
        if not tasks:
            return nullcontext(Here())
        from factory_core.kernel.cluster import submitted, work_in

        jobs = submitted(repr(self), self._submit)
        return work_in(jobs, needs=needs_of(self.resources, label), wait_s=self.wait_s)

    def _submit(self) -> Any:
        cluster = self.cluster()
        from factory_core.kernel.slurm_jobs import Jobs

        with ExitStack() as stack:
            stack.enter_context(cluster)
            jobs = Jobs(cluster, jobs=self.jobs, logs=self.logs)
            stack.pop_all()
        return jobs


@contextmanager
def _ctrl_c_kept() -> Iterator[None]:
    """Once imported, dask-jobqueue has Ctrl-C end the process with 0, which DVC takes for done."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
