"""Time a few steps of a training on made-up windows, in a process of its own."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import keras
import numpy as np
from omegaconf import DictConfig

from factory_core.dataset.sample import LAYERS, Boxes, OrientedBoxes
from factory_core.dataset.shards import Stats
from factory_core.kernel import config as configuration
from factory_core.train.graph import build_network
from factory_core.train.reproducible import pin


@dataclass(frozen=True)
class Probe:
    """What the steps took.

    Attributes:
        step_s: Seconds of a step, the median of those that were timed.
        val_window_s: Seconds of a window of val, without a way back.
        peak_mb: Most memory that the process had, libraries included.
        libraries_mb: What it had before the network was built.
        optimizer_mb: State of the optimiser.
        parameters: Of the network that was trained.
    """

    step_s: float
    val_window_s: float
    peak_mb: float
    libraries_mb: float
    optimizer_mb: float
    parameters: int


def probe(config: DictConfig, stats: Stats, *, steps: int) -> Probe:
    """Train `steps` batches after two to warm up.

    Args:
        config: A composed configuration.
        stats: Shape and kind of the windows.
        steps: Batches to time.
    """
    pin(seed=0, threads=config.train.threads, deterministic=config.train.deterministic)
    keras.config.set_dtype_policy(config.train.precision)
    model = configuration.build(config.model, where="model")
    libraries_mb = _peak_mb()
    network = build_network(model, stats)
    optimizer = configuration.build(config.optimizer, where="optimizer")
    network.compile(optimizer=optimizer, loss=model.loss)
    size = config.train.batch_size
    shape = (stats.window_px, stats.window_px)
    images = np.random.default_rng(0).uniform(1, 255, (size, *shape, len(stats.bands)))
    images = images.astype(np.float32)
    labels = [_no_labels(stats)] * size
    target = model.encode(labels, shape=shape, num_classes=len(stats.classes))
    for _ in range(2):
        network.train_on_batch(images, target)
        network.predict_on_batch(images)
    step_s = [_timed(lambda: network.train_on_batch(images, target)) for _ in range(steps)]
    val_s = [_timed(lambda: network.predict_on_batch(images)) for _ in range(steps)]
    return Probe(
        step_s=median(step_s),
        val_window_s=median(val_s) / size,
        peak_mb=_peak_mb(),
        libraries_mb=libraries_mb,
        optimizer_mb=sum(np.prod(v.shape) * 4 for v in optimizer.variables) / 1e6,
        parameters=network.count_params(),
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
