"""The stage train: windows to one model of the ensemble."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from dvclive.live import Live
from omegaconf import DictConfig

from factory_core.dataset.shards import Shards, read_stats
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError
from factory_core.train.batches import TrainingBatches
from factory_core.train.export import check_onnx, write_keras, write_onnx
from factory_core.train.fit import Schedule, fit
from factory_core.train.graph import build_deployed, build_network
from factory_core.train.reproducible import pin

CHECKED_WINDOWS = 4


@dataclass(frozen=True)
class Settings:
    """The plain settings of the stage.

    Args:
        members: Numbers of the models of the ensemble; each is trained from another seed.
        seed: Of the first weights, the order of the windows and the augmentations.
        epochs: Passes over the windows of train, at most.
        batch_size: Windows in a step.
        patience: Ends after so many epochs without a better quality on val.
        warmup_epochs: Epochs in which the learning rate rises.
        decay: How the learning rate falls: `cosine`, or `none`.
        average: Share that the running average of the weights keeps at each step; 0 keeps
            the weights of the last step.
        threads: Of the libraries; another number gives other bits.
    """

    members: tuple[int, ...]
    seed: int
    epochs: int
    batch_size: int
    patience: int
    warmup_epochs: int
    decay: Literal["cosine", "none"]
    average: float
    threads: int

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size, self.patience, self.threads) < 1:
            raise ValueError(
                "`epochs`, `batch_size`, `patience` and `threads` must be at least 1. Received: "
                f"epochs={self.epochs}, batch_size={self.batch_size}, patience={self.patience}, "
                f"threads={self.threads}."
            )
        if self.seed < 0 or self.warmup_epochs < 0 or not 0 <= self.average < 1:
            raise ValueError(
                "`seed` and `warmup_epochs` must be at least 0 and `average` lie in [0, 1). "
                f"Received: seed={self.seed}, warmup_epochs={self.warmup_epochs}, "
                f"average={self.average}."
            )


def run(config: DictConfig, *, dataset: Path, out: Path, curves: Path, member: int) -> None:
    """Train one member and write `model.keras`, `model.onnx` and its curves.

    Raises:
        ConfigError: The member, the windows or the labels do not fit the configuration.
        ModelError: The loss is not a number, or ONNX Runtime computes something else.
    """
    settings = configuration.section(config, "train", Settings)
    if member not in settings.members:
        raise ConfigError(
            f"There is no member {member}. `train.members` has {list(settings.members)}."
        )
    if not isinstance(config.optimizer.get("learning_rate", 0.0), float | int):
        raise ConfigError(
            "`optimizer.learning_rate` must be a number: `train.warmup_epochs` and `train.decay` "
            f"move it. Received: {config.optimizer.learning_rate}."
        )
    model = configuration.build(config.model, where="model")
    augmentations = configuration.build_chain(config.augment, where="augment")
    stats = read_stats(dataset)
    train, val = Shards(dataset / "train"), Shards(dataset / "val")
    sections = ("model", "optimizer", "augment", "train")
    key = {
        "sections": {name: config[name] for name in sections},
        "member": member,
        "code": config.fingerprint.train,
        "inputs": io.identity([dataset]),
    }
    with io.staged(out, key=key) as work, io.staged(curves, key=key) as drawn:
        pin(seed=settings.seed + member, threads=settings.threads)
        network = build_network(model, stats)
        network.compile(
            optimizer=configuration.build(config.optimizer, where="optimizer"), loss=model.loss
        )
        batches = TrainingBatches(
            train,
            model=model,
            num_classes=len(stats.classes),
            batch_size=settings.batch_size,
            augmentations=augmentations,
            seed=settings.seed + member,
        )
        schedule = Schedule(
            settings.epochs,
            settings.patience,
            settings.warmup_epochs,
            settings.decay,
            settings.average,
        )
        with Live(str(drawn), save_dvc_exp=False, dvcyaml=None, report=None) as live:

            def log(figures: dict[str, float]) -> None:
                for name, value in figures.items():
                    live.log_metric(name, value)
                live.next_step()

            fit(
                network,
                model,
                train=batches,
                val=val,
                schedule=schedule,
                checkpoint=work / "checkpoint",
                log=log,
            )
        deployed = build_deployed(network, model, stats)
        write_keras(deployed, work / "model.keras")
        write_onnx(deployed, work / "model.onnx", task=model.task, stats=stats)
        windows = range(min(CHECKED_WINDOWS, len(val)))
        images = np.stack([val[window].image for window in windows]).astype(stats.dtype)
        check_onnx(work / "model.onnx", deployed, images, threads=settings.threads)
        shutil.rmtree(work / "checkpoint")
    keras.utils.clear_session()
