"""What can go wrong in a step of training, said so that it can be mended."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from factory_core.kernel import io
from factory_core.kernel.errors import ModelError
from factory_core.train.batches import TrainingBatches

BAD_BATCH = "bad_batch.npz"
Step = Callable[[np.ndarray, np.ndarray], float]


def check_loss(
    loss: float,
    *,
    batches: TrainingBatches,
    batch: int,
    images: np.ndarray,
    target: np.ndarray,
    folder: Path,
) -> None:
    """Stop at a loss that is no number, and write what it came from to `folder`.

    Raises:
        ModelError: It is none; names the batch, its windows and the file.
    """
    if math.isfinite(loss):
        return
    windows = batches.windows(batch)
    table = io.read_table(batches.shards.folder / "windows.parquet")
    rows = table.set_index("window").loc[windows]
    names = [f"{row.scene_id} {row.row_px} {row.column_px}" for row in rows.itertuples()]
    file = folder / BAD_BATCH
    np.savez(file, images=images, target=target, windows=windows, names=np.array(names))
    raise ModelError(
        f"The loss is {loss} in batch {batch} of epoch {batches.epoch} (windows "
        f"{', '.join(map(str, windows))} of train). {file} has its `images` and `target` as they "
        "were fed, and in `names` the scene, row and column of each window, until the "
        "configuration changes. Lower `optimizer.learning_rate`, set `optimizer.global_clipnorm`, "
        "or mend these windows."
    )


@contextmanager
def explained_memory(
    step: Step, images: np.ndarray, target: np.ndarray, *, probe: bool
) -> Iterator[None]:
    """Within the block, an error for want of memory becomes one that says what would fit.

    Args:
        step: Learns from a batch; tried with less and less of this one.
        images: Of the batch.
        target: Of the batch.
        probe: Whether smaller batches may be tried.

    Raises:
        ModelError: The memory is full.
    """
    try:
        yield
    except Exception as error:
        if not _wants_memory(error):
            raise
        full = error.with_traceback(None)  # the frames hold on to the tensors
    else:
        return
    size = len(images)
    fits = _largest(step, images, target) if probe else size // 2
    if fits:
        advice = (
            f"Set `train.batch_size: {fits}`{', which fits' if probe else ''}; with "
            f"`optimizer.gradient_accumulation_steps: {-(-size // fits)}` an update still sees as "
            "many windows."
        )
    else:
        advice = (
            "Not even one window fits: choose a smaller `dataset.window_px`, a smaller `model` or "
            "`encoder`, or train on a machine with more memory."
        )
    raise ModelError(
        f"The memory is full: a step with {size} windows (`train.batch_size`) does not fit. "
        f"{advice} What was trained before is kept."
    ) from full


def _wants_memory(error: Exception) -> bool:
    """Whether a backend says that memory is short; each has an error of its own for it."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"}) or (
        "RESOURCE_EXHAUSTED" in str(error)
    )


def _largest(step: Step, images: np.ndarray, target: np.ndarray) -> int:
    """The largest of the halves of a batch that a step can take, 0 if none can."""
    size = len(images) // 2
    while size:
        try:
            step(images[:size], target[:size])
        except Exception as error:
            if not _wants_memory(error):
                raise
            size //= 2
        else:
            break
    return size
