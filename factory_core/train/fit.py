"""Train a network epoch by epoch, and keep the weights that find best on val."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from factory_core.dataset.shards import Shards
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ModelError
from factory_core.models.interface import Model
from factory_core.train.average import Average, assign
from factory_core.train.batches import TrainingBatches, encode_samples
from factory_core.train.checkpoint import Progress, read_values, write_values


@dataclass(frozen=True)
class Schedule:
    """How long to train, and how fast.

    Attributes:
        epochs: Passes over the windows of train, at most.
        patience: Ends after so many epochs without a better quality on val.
        warmup_epochs: Epochs in which the rate rises to that of the optimiser.
        decay: Whether the rate then falls to 0 along half a cosine, or stays.
        average: Share that the running average of the weights keeps at each step; it is the
            average that is measured and kept.
    """

    epochs: int
    patience: int
    warmup_epochs: int
    decay: Literal["cosine", "none"]
    average: float

    def rate(self, epoch: int) -> float:
        """Share of the optimiser's learning rate in `epoch`, counted from 0."""
        warm = min(1.0, (epoch + 1) / (self.warmup_epochs + 1))
        cosine = 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        return warm * (cosine if self.decay == "cosine" else 1.0)


def fit(
    network: keras.Model,
    model: Model,
    *,
    train: TrainingBatches,
    val: Shards,
    schedule: Schedule,
    checkpoint: Path,
    log: Callable[[dict[str, float]], None],
) -> None:
    """Train `network`, compiled, and leave it with its best weights.

    Args:
        network: Gives the raw outputs of `model`.
        model: Loss, decoding and measure.
        train: Batches to learn from.
        val: Windows to measure on.
        schedule: How long, how fast.
        checkpoint: Folder that keeps the state after each epoch; where it has one, the
            training goes on from there, to the same weights.
        log: Takes the figures of each epoch, those of earlier runs first.

    Raises:
        ModelError: The loss is not a number; names the batch.
    """
    optimizer = network.optimizer
    optimizer.build(network.trainable_variables)
    full_rate = float(optimizer.learning_rate.numpy())
    variables = [*network.variables, *optimizer.variables]
    average = Average(network.variables, momentum=schedule.average)
    state, values = Progress.load(checkpoint)
    if values:
        assign(variables, values[: len(variables)])
        average.values, average.steps = values[len(variables) :], state.steps
    for figures in state.curves:
        log(figures)
    for epoch in progress(range(len(state.curves), schedule.epochs), label="epochs"):
        if epoch - state.best_epoch > schedule.patience:
            break
        train.epoch = epoch
        optimizer.learning_rate = full_rate * schedule.rate(epoch)
        watchers = [_StopAtNan(train), average]
        history = network.fit(train, verbose=0, shuffle=False, callbacks=watchers).history
        with average.in_place():
            val_loss, quality = measure(network, model, val, train=train)
        figures = {
            "train/loss": float(history["loss"][0]),
            "val/loss": val_loss,
            "val/quality": quality,
            "learning_rate": full_rate * schedule.rate(epoch),
        }
        if quality > state.best_quality:
            state.best_epoch, state.best_quality = epoch, quality
            write_values(checkpoint / "best.npz", average.values)
        state.curves.append(figures)
        state.steps = average.steps
        own = [variable.numpy() for variable in variables]
        state.save(checkpoint, values=[*own, *average.values])
        log(figures)
    best, _ = read_values(checkpoint / "best.npz")
    assign(network.variables, best)


def measure(
    network: keras.Model, model: Model, val: Shards, *, train: TrainingBatches
) -> tuple[float, float]:
    """Mean loss and quality of `network` on the windows of val."""
    losses: list[np.ndarray] = []
    decoded: list[dict[str, np.ndarray]] = []
    labels: list[Any] = []
    for start in range(0, len(val), train.batch_size):
        samples = [val[i] for i in range(start, min(start + train.batch_size, len(val)))]
        images, target = encode_samples(samples, model=model, num_classes=train.num_classes)
        output = ops.convert_to_tensor(network.predict_on_batch(images))
        losses.append(len(samples) * np.mean(ops.convert_to_numpy(model.loss(target, output))))
        outputs = model.decode(output)
        decoded.append({name: ops.convert_to_numpy(value) for name, value in outputs.items()})
        labels += [sample.labels for sample in samples]
    joined = {name: _join([piece[name] for piece in decoded]) for name in decoded[0]}
    return float(np.sum(losses) / len(val)), model.measure(labels, joined)


def _join(pieces: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(pieces)


class _StopAtNan(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Raise at the first batch whose loss is no number."""

    def __init__(self, batches: TrainingBatches) -> None:
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the mean loss of the epoch, which one batch without a number spoils."""
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            windows = ", ".join(map(str, self.batches.windows(batch)))
            raise ModelError(
                f"The loss is {loss} in batch {batch} of epoch {self.batches.epoch} (windows "
                f"{windows} of train). Lower `optimizer.learning_rate`, or look at these windows."
            )
