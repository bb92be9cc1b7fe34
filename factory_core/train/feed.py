"""Batches made in threads while the ones before are learnt from, always in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Batch = TypeVar("Batch")


def ahead(
    make: Callable[[int], Batch], numbers: Iterable[int], *, threads: int
) -> Generator[Batch]:
    """`make(number)` for each of `numbers`, in their order, made ahead of their use.

    Args:
        make: Makes one batch; must not depend on what was made before.
        numbers: Of the batches.
        threads: Batches that are made at once; one more lies ready.
    """
    waiting = iter(numbers)
    pool = ThreadPoolExecutor(threads)
    try:
        coming = deque(pool.submit(make, number) for number in islice(waiting, threads + 1))
        while coming:
            batch = coming.popleft().result()
            coming.extend(pool.submit(make, number) for number in islice(waiting, 1))
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)
