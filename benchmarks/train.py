"""Step time with the real feed over that on one batch in memory; determinism; resuming; watching.

    python benchmarks/train.py                      # some 6 minutes on two cores
    python benchmarks/train.py --rounds 2           # a trial

A U-Net over EfficientNet-Lite0 learns from generated windows of 256 pixels, eight in a step, with
the augmentations that a new detector has. Within a process the compared things take turns, some
steps each, so that a machine that changes its speed spoils the ratios less; medians are compared.
The last line is one JSON object:

- `ratio`: a step that waits for its batch over a step on one batch that lies in memory. The feed
  works on the same cores, so at best it costs its own work: `feed_alone` is the windows a second
  that it makes with a core to itself, `windows_per_s` what the step learns from.
  `cpu_ratio` compares the work of the cores, which other jobs on the machine spoil less.
- `average`: what the moving average of the weights costs, as a share of a step.
- `save`: one checkpoint, in steps; `resume`: reading it, in steps. Every epoch pays the first, a
  training that was killed the second, beside the start of the process.
- `deterministic`: steps with `train.deterministic` over steps without, in processes of their own
  that take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from factory_core.kernel import io
from factory_core.kernel.parts import load_part

WINDOW_PX, WINDOWS, BATCH = 256, 64, 8
THREADS, STEPS = 2, 4
CONFIG = """
defaults: [{model: unet}, _self_]
taxonomy: {classes: [thing], level: 1}
hydra: {searchpath: ["pkg://factory_core.conf"]}
"""
AUGMENTATIONS = ("flip", "quarter_turn", "colour_jitter")


def main() -> None:
    """Measure in processes of their own, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="turns of each, of four steps")
    parser.add_argument("--worker", nargs=2, metavar=("WHAT", "DIR"), help="internal")
    arguments = parser.parse_args()
    if arguments.worker:
        what, folder = arguments.worker
        print(json.dumps(WORKERS[what](Path(folder), rounds=arguments.rounds)))
        return
    with tempfile.TemporaryDirectory(prefix="train-") as name:
        folder = Path(name)
        write_dataset(folder / "dataset")
        found = measure("feed", folder, arguments.rounds)
        steps: dict[str, dict[str, list[float]]] = {}
        for what in ("deterministic", "free", "free", "deterministic"):
            taken = measure(what, folder, arguments.rounds)
            for kind, values in taken.items():
                steps.setdefault(kind, {}).setdefault(what, []).extend(values)
    for kind, prefix in (("seconds", ""), ("cpu", "cpu_")):
        bound, free = (statistics.median(steps[kind][what]) for what in ("deterministic", "free"))
        found[f"{prefix}deterministic"] = round(bound / free, 3)
    print(json.dumps(found))


def measure(what: str, folder: Path, rounds: int) -> dict:
    """Run a worker in a process of its own and give what it prints last."""
    print(what, file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--worker", what, str(folder), "--rounds", str(rounds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def feed(folder: Path, *, rounds: int) -> dict:
    """The real feed and one batch in turn; what the average and a checkpoint cost."""
    from factory_core.train.average import Moving
    from factory_core.train.feed import ahead

    training, batches = start(folder, deterministic=True)
    one = batches[0]
    fed = ahead(batches.__getitem__, endless(batches), threads=1)
    tasks = {"memory": lambda: training.step(*one), "feed": lambda: training.step(*next(fed))}
    seconds, cpu = in_turn(tasks, rounds=rounds)
    step = statistics.median(seconds["memory"])
    fed.close()
    alone = timed(lambda: [batches[number] for number in range(len(batches))])
    look = statistics.median(
        timed(lambda: training.average.look(8, end_of_epoch=True)) for _ in range(5)
    )
    save = statistics.median(timed(training.save) for _ in range(3))
    resume = statistics.median(timed(lambda: reload(training)) for _ in range(3))
    return {
        "ratio": round(statistics.median(seconds["feed"]) / step, 3),
        "cpu_ratio": round(statistics.median(cpu["feed"]) / statistics.median(cpu["memory"]), 3),
        "step_s": round(step, 3),
        "windows_per_s": round(BATCH / step, 1),
        "feed_alone": round(len(batches) * BATCH / alone, 1),
        "average": round(look / Moving.every_steps / step, 4),
        "save": round(save / step, 2),
        "resume": round(resume / step, 2),
        "parameters": training.network.count_params(),
    }


def only_steps(folder: Path, *, rounds: int, deterministic: bool) -> dict:
    """Steps on one batch."""
    training, batches = start(folder, deterministic=deterministic)
    one = batches[0]
    seconds, cpu = in_turn({"steps": lambda: training.step(*one)}, rounds=rounds)
    return {"seconds": seconds["steps"], "cpu": cpu["steps"]}


def in_turn(
    tasks: dict[str, Callable[[], object]], *, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of every call of each task, and of all cores; the first round only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    cpu: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            before = time.process_time()
            taken = [timed(task) for _ in range(STEPS)]
            used = (time.process_time() - before) / STEPS
            if number:
                seconds[name] += taken
                cpu[name].append(used)
    return seconds, cpu


def timed(task: Callable[[], object]) -> float:
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def endless(batches):
    """Numbers of batches, epoch after epoch."""
    while True:
        yield from range(len(batches))
        batches.begin(batches.epoch + 1)


def start(folder: Path, *, deterministic: bool):
    """A training at its start, as the stage builds it, and its batches."""
    import keras

    from factory_core.dataset.shards import Shards, read_stats
    from factory_core.kernel import config as configuration
    from factory_core.train.average import Moving
    from factory_core.train.batches import TrainingBatches
    from factory_core.train.devices import Placement
    from factory_core.train.fit import Plan, Training
    from factory_core.train.graph import build_network
    from factory_core.train.reproducible import pin

    pin(seed=0, threads=THREADS, deterministic=deterministic)
    model = configuration.build(compose_model(), where="model")
    stats = read_stats(folder / "dataset")
    network = build_network(model, stats)
    network.compile(keras.optimizers.AdamW(0.002, global_clipnorm=10.0), loss=model.loss)
    tasks = {name: load_part("augmentation", name) for name in AUGMENTATIONS}
    batches = TrainingBatches(
        Shards(folder / "dataset/train"),
        model=model,
        num_classes=1,
        batch_size=BATCH,
        augmentations=configuration.build_chain({"tasks": tasks}, where="augment"),
        sampler=configuration.build(load_part("sampler", "shuffled"), where="sampler"),
        seed=0,
    )
    plan = Plan(
        epochs=100, patience=100, cycles=1, average=Moving(), save_minutes=60.0, feed_threads=1
    )
    checkpoint = folder / "checkpoint"
    training = Training(
        network,
        measured=network,
        plan=plan,
        steps=len(batches),
        folder=checkpoint,
        placement=Placement(),
    )
    return training, batches


def reload(training) -> None:
    """What a training does with the checkpoint of an earlier run."""
    from factory_core.train.average import assign
    from factory_core.train.checkpoint import Progress

    _, values = Progress.load(training.folder)
    assign(training.variables, values[: len(training.variables)])


def compose_model() -> DictConfig:
    """The U-Net of `conf/model/unet.yaml`, composed as in a detector."""
    from factory_core.kernel import config as configuration

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "conf").mkdir()
        (Path(name) / "conf/config.yaml").write_text(CONFIG, encoding="utf-8")
        return configuration.compose(Path(name)).model


def write_dataset(out: Path) -> None:
    """Windows of soft shapes and noise with a mask of what is bright, as the stage dataset does."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 12, WINDOW_PX)
    soft = 120 + 60 * np.sin(slope)[:, None, None] * np.cos(slope)[:, None]
    shape = (WINDOWS, WINDOW_PX, WINDOW_PX, 3)
    images = np.clip(soft + rng.normal(0, 5, shape), 1, 255).astype(np.uint8)
    masks = (images[..., 0] > 140).astype(np.uint8)
    for split in ("train", "val"):
        (out / split).mkdir(parents=True)
        np.save(out / split / "images-00000.npy", images)
        np.save(out / split / "masks-00000.npy", masks)
        windows = {"window": range(WINDOWS), "scene_id": "made_up", "row_px": 0, "column_px": 0}
        io.write_table(pd.DataFrame({**windows, "labels": 1}), out / split / "windows.parquet")
    stats = {
        "form": "mask",
        "bands": ["red", "green", "blue"],
        "dtype": "uint8",
        "nodata": 0,
        "classes": ["thing"],
        "resolution_m": 0.5,
        "window_px": WINDOW_PX,
        "mean": [120.0] * 3,
        "deviation": [30.0] * 3,
        "windows": {"train": WINDOWS, "val": WINDOWS},
        "labelled": {"train": WINDOWS, "val": WINDOWS},
    }
    io.write_json(stats, out / "stats.json")


def deterministic(folder: Path, *, rounds: int) -> dict:
    return only_steps(folder, rounds=rounds, deterministic=True)


def free(folder: Path, *, rounds: int) -> dict:
    return only_steps(folder, rounds=rounds, deterministic=False)


WORKERS = {"feed": feed, "deterministic": deterministic, "free": free}


if __name__ == "__main__":
    main()
