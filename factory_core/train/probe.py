"""Time a few steps of a training on made-up windows, in a process of its own."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from omegaconf import DictConfig

import factory_core.models  # noqa: F401 - starts Keras without its noise, here in a new process
from factory_core.dataset.sample import LAYERS, Boxes, OrientedBoxes
from factory_core.dataset.shards import Stats
from factory_core.kernel import config as configuration
from factory_core.train.reproducible import pin
from factory_core.train.start import start_training


@dataclass(frozen=True)
class Probe:
    """What the steps took.

    Attributes:
        step_s: Seconds of a step, the median of those that were timed.
        val_window_s: Seconds of a window of val, without a way back.
        peak_mb: Most memory that the process had, libraries included.
        libraries_mb: What it had before the network was built.
        optimizer_mb: State of the optimiser.
    """

    step_s: float
    val_window_s: float
    peak_mb: float
    libraries_mb: float
    optimizer_mb: float


def probe(config: DictConfig, stats: Stats, *, epoch_steps: int, steps: int) -> Probe:
    """Train `steps` batches after two to warm up, on the devices that are chosen.

    Args:
        config: A composed configuration.
        stats: Shape and kind of the windows.
        epoch_steps: Batches of an epoch, for the schedule.
        steps: Batches to time.
    """
    pin(seed=0, threads=config.train.threads, deterministic=config.train.deterministic)
    placement = configuration.build(config.devices, where="devices").start()
    model = configuration.build(config.model, where="model")
    libraries_mb = _peak_mb()
    with TemporaryDirectory() as folder:  # nothing is saved
        training = start_training(
            config, model, stats, placement, steps=epoch_steps, folder=Path(folder)
        )
    size = config.train.batch_size
    shape = (stats.window_px, stats.window_px)
    images = np.random.default_rng(0).uniform(1, 255, (size, *shape, len(stats.bands)))
    images = images.astype(np.float32)
    labels = [_no_labels(stats)] * size
    target = model.encode(labels, shape=shape, num_classes=len(stats.classes))
    for _ in range(2):
        training.step(images, target)
        training.measured.predict_on_batch(images)
    step_s = [_timed(lambda: training.step(images, target)) for _ in range(steps)]
    val_s = [_timed(lambda: training.measured.predict_on_batch(images)) for _ in range(steps)]
    held = training.network.optimizer.variables
    return Probe(
        step_s=median(step_s),
        val_window_s=median(val_s) / size,
        peak_mb=_peak_mb(),
        libraries_mb=libraries_mb,
        optimizer_mb=sum(np.prod(v.shape) * 4 for v in held) / 1e6,
    )


def _no_labels(stats: Stats) -> Any:
    shape = (stats.window_px, stats.window_px)
    classes = np.zeros(0, np.int64)
    if stats.form == "boxes":
        return Boxes(np.zeros((0, 4), np.float32), classes)
    if stats.form == "oriented_boxes":
        return OrientedBoxes(np.zeros((0, 5), np.float32), classes)
    layers = len(LAYERS[stats.form])
    return np.zeros(shape if layers == 1 else (*shape, layers), np.uint8)


def _timed(step: Any) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage counts what the process was before it became this program
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
