"""The stage train: windows to one model of the ensemble."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
from dvclive.live import Live
from omegaconf import DictConfig

from factory_core.dataset.shards import Shards, Stats, read_stats
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError
from factory_core.train.average import assign
from factory_core.train.batches import TrainingBatches
from factory_core.train.check import check_labels, check_windows
from factory_core.train.checkpoint import read_values
from factory_core.train.curves import Curves, Unseen
from factory_core.train.export import check_onnx, write_keras, write_onnx
from factory_core.train.fit import fit
from factory_core.train.graph import build_deployed
from factory_core.train.reproducible import pin
from factory_core.train.settings import Settings
from factory_core.train.start import start_training

CHECKED_WINDOWS = 4
CHECKPOINT = "checkpoint"
SECTIONS = ("model", "optimizer", "schedule", "augment", "sampler", "devices", "train")


def run(config: DictConfig, *, dataset: Path, out: Path, curves: Path, member: int) -> None:
    """Train one member and write `model.keras`, `model.onnx` and its curves.

    A schedule of several cycles gives a model each, in folders `1`, `2`, ... of `out`.

    Raises:
        ConfigError: The member, the windows or the labels do not fit the configuration.
        LabelError: There is nothing to learn from.
        ModelError: The loss is not a number, the memory is full, the dataset is damaged, or
            ONNX Runtime computes something else.
    """
    settings: Settings = configuration.section(config, "train", Settings)
    if member not in settings.members:
        raise ConfigError(
            f"There is no member {member}. `train.members` has {list(settings.members)}."
        )
    seed = settings.seed + member
    promise = pin(seed=seed, threads=settings.threads, deterministic=settings.deterministic)
    placement = configuration.build(config.devices, where="devices").start()
    model = configuration.build(config.model, where="model")
    stats = read_stats(dataset)
    train, val = Shards(dataset / "train"), Shards(dataset / "val")
    for split, shards in (("train", train), ("val", val)):
        check_windows(shards, stats, split=split)
    check_labels(train, stats)
    batches = TrainingBatches(
        train,
        model=model,
        num_classes=len(stats.classes),
        batch_size=settings.batch_size,
        augmentations=configuration.build_chain(config.augment, where="augment"),
        sampler=configuration.build(config.sampler, where="sampler"),
        seed=seed,
    )
    start = partial(start_training, config, model, stats, placement, steps=len(batches))
    key = {
        "sections": {name: config[name] for name in SECTIONS},
        "member": member,
        "code": config.fingerprint.train,
        "inputs": io.identity([dataset]),
    }
    if not placement.chief:
        training = start(folder=io.unfinished(out, key=key) / CHECKPOINT)
        fit(training, model, train=batches, val=val, watch=Unseen())
        return
    with io.staged(out, key=key) as work, io.staged(curves, key=key) as drawn:
        print(promise, file=sys.stderr, flush=True)
        training = start(folder=work / CHECKPOINT)
        with Live(str(drawn), save_dvc_exp=False, dvcyaml=None, report=None) as live:
            watch = Curves(
                live,
                folder=training.folder / "pictures",
                val=val,
                stats=stats,
                model=model,
                picture_epochs=settings.picture_epochs,
            )
            best = fit(training, model, train=batches, val=val, watch=watch)
        images = _some_images(val, stats)
        for number, file in enumerate(best, start=1):
            assign(training.measured.weights, read_values(file)[0])
            folder = work if len(best) == 1 else work / str(number)
            folder.mkdir(exist_ok=True)
            deployed = build_deployed(training.measured, model, stats)
            write_keras(deployed, folder / "model.keras")
            write_onnx(deployed, folder / "model.onnx", task=model.task, stats=stats)
            check_onnx(folder / "model.onnx", deployed, images, threads=settings.threads)
        shutil.rmtree(training.folder)
    keras.utils.clear_session()


def _some_images(val: Shards, stats: Stats) -> np.ndarray:
    windows = range(min(CHECKED_WINDOWS, len(val)))
    return np.stack([val[window].image for window in windows]).astype(stats.dtype)
