"""The one door to parallel work: this machine, or a Dask cluster."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Compute(Protocol):
    """A machine: where the items of a stage are worked on."""

    def map(
        self, function: Callable[[Any], Result], items: Sequence[Any], *, label: str
    ) -> list[Result]:
        """Results of `function` for each of `items`, in their order."""


@dataclass(frozen=True)
class Local:
    """Work on this machine, in `workers` processes.

    Args:
        workers: 1 works in this process, which libraries with threads of their own
            (ONNX Runtime, GDAL) already fill.
    """

    workers: int = 1

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, label: str
    ) -> list[Result]:
        """Results of `function` for each of `items`, in their order; the first error ends it."""
        if self.workers == 1 or len(items) < 2:
            return [function(item) for item in progress(items, label=label)]
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(function, item) for item in items]
            try:
                return [future.result() for future in progress(futures, label=label)]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


@dataclass(frozen=True)
class Dask:
    """Work on a Dask cluster.

    Args:
        address: Scheduler, `tcp://host:8786`; empty starts a cluster on this machine.
        workers: Processes of the cluster started here; not read with an `address`.
    """

    address: str = ""
    workers: int = 2

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], *, label: str
    ) -> list[Result]:
        """Results of `function` for each of `items`, in their order; the first error ends it."""
        from distributed import Client, LocalCluster, as_completed

        if self.address:
            client = Client(self.address)
        else:
            cluster = LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                dashboard_address=None,
                host="127.0.0.1",
            )
            client = Client(cluster)
        try:
            futures = client.map(function, list(items), pure=False)
            for done in progress(as_completed(futures), label=label, total=len(items)):
                done.result()
            return client.gather(futures)
        finally:
            client.close()
            if not self.address:
                cluster.close()


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
