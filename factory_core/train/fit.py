"""Train a network epoch by epoch, and keep the latest weights that find as well as the best."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from factory_core.dataset.shards import Shards
from factory_core.kernel.compute import progress
from factory_core.models.interface import Model
from factory_core.train.accidents import check_loss, explained_memory
from factory_core.train.average import Average, Running, assign, values_of
from factory_core.train.batches import TrainingBatches, encode_samples
from factory_core.train.checkpoint import Progress, write_values
from factory_core.train.devices import Placement
from factory_core.train.feed import ahead


@dataclass(frozen=True)
class Plan:
    """How long to train, and what to keep.

    Attributes:
        epochs: Passes over the windows of train, at most.
        patience: Ends after so many epochs in which neither quality nor loss on val got better.
        cycles: Parts of equal length of which weights are kept each.
        average: Of the weights over the steps; it is the average that is measured and kept.
        save_minutes: Time between two checkpoints within an epoch; each epoch ends with one.
        feed_threads: Batches that are made at once, ahead of their use.
    """

    epochs: int
    patience: int
    cycles: int
    average: Average
    save_minutes: float
    feed_threads: int

    def cycle(self, epoch: int) -> int:
        """Number of the cycle that an epoch belongs to."""
        return epoch * self.cycles // self.epochs


class Watch(Protocol):
    """Takes what can be seen of a training."""

    def draw(self, epoch: int, network: keras.Model) -> None:
        """Show what `network` finds after an epoch."""

    def log(self, epoch: int, figures: dict[str, float]) -> None:
        """Take the figures of an epoch; after a kill those of earlier runs come again."""


class Training:
    """A network on its way, and how far it has come.

    Args:
        network: Compiled; gives the raw outputs of `model`.
        measured: The network that is measured and kept: `network` itself, or one of the same
            weights that computes otherwise.
        plan: How long, and what to keep.
        steps: Steps of an epoch.
        folder: Keeps the checkpoint; where it has one, the training goes on from there, to the
            same weights.
        placement: Where steps are computed; made within its scope.
    """

    def __init__(
        self,
        network: keras.Model,
        *,
        measured: keras.Model,
        plan: Plan,
        steps: int,
        folder: Path,
        placement: Placement,
    ) -> None:
        network.optimizer.build(network.trainable_variables)
        self.network = network
        self.measured = measured
        self.plan = plan
        self.folder = folder
        self.placement = placement
        self.variables = [*network.variables, *network.optimizer.variables]
        self.average = Running(plan.average, network.weights, steps=steps * plan.epochs)
        self.progress, values = Progress.load(folder)
        if values:
            assign(self.variables, values[: len(self.variables)])
            self.average.values = values[len(self.variables) :]
            self.average.since = self.progress.averaged
        self.saved = time.monotonic()

    def step(self, images: np.ndarray, target: np.ndarray) -> float:
        """Learn from one batch; gives its loss before."""
        return self.placement.step(self.network, images, target)

    def save(self) -> None:
        """Write the checkpoint; of several processes only the first does."""
        if not self.placement.chief:
            return
        self.progress.averaged = self.average.since
        values = [*values_of(self.variables), *self.average.values]
        self.progress.save(self.folder, values=values)
        self.saved = time.monotonic()

    def keep(self, samples: float) -> None:
        """Keep the average after an epoch that is as good as the best of its cycle.

        Args:
            samples: What its quality was measured on.
        """
        epoch = len(self.progress.curves) - 1
        cycle = self.plan.cycle(epoch)
        first = next(one for one in range(epoch + 1) if self.plan.cycle(one) == cycle)
        if self.progress.as_good_as_best(samples, since=first) and self.placement.chief:
            write_values(self.folder / f"kept-{cycle}.npz", self.average.values)


def fit(
    training: Training, model: Model, *, train: TrainingBatches, val: Shards, watch: Watch
) -> list[Path]:
    """Train to the end of the plan.

    Args:
        training: The network, from its start or from a checkpoint.
        model: Loss, decoding and measure.
        train: Batches to learn from.
        val: Windows to measure on.
        watch: Is shown every epoch.

    Returns:
        The weights that are kept of each cycle, to be read by `checkpoint.read_values`.

    Raises:
        ModelError: The loss is not a number, or the memory is full.
    """
    plan, now = training.plan, training.progress
    for epoch, figures in enumerate(now.curves):
        watch.log(epoch, figures)
    done = len(now.curves) * len(train) + now.batches
    with closing(progress(range(plan.epochs * len(train) - done), label="batches")) as bar:
        for epoch in range(len(now.curves), plan.epochs):
            if now.stalled() >= plan.patience:
                break
            train.begin(epoch, losses=dict(now.losses))
            loss = _train_epoch(training, train, bar)
            rate = float(training.network.optimizer.learning_rate)
            with training.average.shown_by(training.measured.weights):
                found = measure(training.measured, model, val, train=train)
                val_loss, quality, samples = training.placement.agree(found)
                watch.draw(epoch, training.measured)
                now.losses = list(train.look(training.measured, epoch=epoch + 1).items())
            figures = {
                "train/loss": loss,
                "val/loss": val_loss,
                "val/quality": quality,
                "learning_rate": rate,
            }
            now.curves.append(figures)
            training.keep(samples)
            now.batches, now.loss = 0, 0.0
            training.save()
            watch.log(epoch, figures)
    cycles = 1 + plan.cycle(len(now.curves) - 1)
    return [training.folder / f"kept-{cycle}.npz" for cycle in range(cycles)]


def _train_epoch(training: Training, train: TrainingBatches, bar: Any) -> float:
    """Learn from what is left of an epoch, and give its mean loss."""
    now, plan = training.progress, training.plan
    todo = range(now.batches, len(train))
    coming = ahead(train.__getitem__, todo, threads=plan.feed_threads)
    explained = partial(explained_memory, training.step, probe=training.placement.count == 1)
    with closing(coming):
        for batch, (images, target) in zip(todo, coming, strict=True):
            with explained(images, target):
                loss = training.step(images, target)
            check_loss(
                loss,
                batches=train,
                batch=batch,
                images=images,
                target=target,
                folder=training.folder.parent,
            )
            now.loss += loss
            now.batches = batch + 1
            last = now.batches == len(train)
            training.average.look(train.epoch * len(train) + now.batches, end_of_epoch=last)
            if not last and time.monotonic() - training.saved > 60 * plan.save_minutes:
                training.save()
            next(bar, None)
    return now.loss / len(train)


def measure(
    network: keras.Model, model: Model, val: Shards, *, train: TrainingBatches
) -> tuple[float, float, float]:
    """Mean loss and quality of `network` on the windows of val, and on how many samples."""
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
    joined = {name: np.concatenate([piece[name] for piece in decoded]) for name in decoded[0]}
    # A quality of masks is one of pixels, which say the same as their neighbours.
    count = sum(1 if isinstance(one, np.ndarray) else len(one) for one in labels)
    return float(np.sum(losses) / len(val)), model.measure(labels, joined), float(count)
