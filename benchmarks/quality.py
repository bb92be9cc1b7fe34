"""Train ours and public models on the same windows for as many steps, and score both on test.

    python benchmarks/quality.py --data DIR

DIR holds `fair_banepa_buildings`, `kit_ais_vehicles` and `neon_trees` (`factory sample neon_trees
--out DIR/neon_trees` writes the last). Each detector is baked from the template; every model then
goes through its stages, with the same feed, optimiser, schedule and number of steps, and with a
running point chosen on val. A run that is done is not repeated. Needs the extras `hub` and
`bench`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from banepa import write_raw as write_banepa
from omegaconf import DictConfig

from factory_core.evaluate.detection.average_precision import AveragePrecision
from factory_core.evaluate.detection.matches import Matches
from factory_core.evaluate.metrics import measure
from factory_core.evaluate.pixels import PixelIou
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import read_scenes
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.postprocess import stage as postprocess

ROOT = Path(__file__).parents[1]
FILES = Path(__file__).parent / "quality"
SEEDS = (0, 1, 2)
STEPS = 150  # rounded up to whole epochs
BATCH = 4
THRESHOLDS = tuple(round(0.05 * number, 2) for number in range(1, 16))
STAGES_OF_DATA = ("catalogue", "select", "process", "dataset")


@dataclass(frozen=True)
class Detector:
    """One comparison.

    Attributes:
        task: Answer to the template's question.
        label: Its one class.
        metrics: What is compared, first what the running point is chosen by.
        iou: Overlap of a right detection.
        models: Overrides of each model, ours first.
        common: Overrides of all of them.
    """

    task: str
    label: str
    metrics: tuple[str, ...]
    iou: float
    models: dict[str, tuple[str, ...]]
    common: tuple[str, ...] = ()


DETECTORS = {
    "buildings": Detector(
        task="segmentation",
        label="building",
        metrics=("f1", "pixel_iou"),
        iou=0.5,
        models={
            "ours: unet, efficientnet_lite0": ("model=unet",),
            "segmodels_keras U-Net, resnet18": ("model=segmodels_unet",),
        },
    ),
    "vehicles": Detector(
        task="detection",
        label="vehicle",
        metrics=("ap50",),
        iou=0.5,
        models={
            "ours: centernet, efficientnet_lite0": ("model=centernet",),
            "keras-hub RetinaNet, resnet18": ("model=hub_retinanet", "model.anchor_size=2.0"),
        },
    ),
    "trees": Detector(
        task="detection",
        label="tree",
        metrics=("f1",),
        iou=0.4,
        models={
            "ours: centernet, efficientnet_lite0": ("model=centernet",),
            "keras-hub RetinaNet, resnet18": ("model=hub_retinanet", "model.anchor_size=2.0"),
        },
    ),
}


def main() -> None:
    """Bake, train, score, print a table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the three sets")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "quality")
    parser.add_argument("--only", choices=DETECTORS, nargs="*", default=list(DETECTORS))
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    results = {}
    for name in arguments.only:
        detector = DETECTORS[name]
        root = prepare(name, data=arguments.data.resolve(), out=out)
        results[name] = {
            model: [run(root, name, model, seed=seed, steps=arguments.steps) for seed in SEEDS]
            for model in detector.models
        }
        for line in table(name, results[name]):
            print(line, flush=True)
    print(json.dumps(summary(results)))


def prepare(name: str, *, data: Path, out: Path) -> Path:
    """Bake the detector `name` and make its windows; returns its root."""
    detector = DETECTORS[name]
    root = out / f"{detector.label}_detector"
    if not root.is_dir():
        out.mkdir(parents=True, exist_ok=True)
        answers = {
            "detector_name": root.name,
            "package_name": root.name,
            "finds": name,
            "task": detector.task,
            "taxonomy": detector.label,
            "factory_core": str(ROOT),
        }
        command = ["cookiecutter", str(ROOT), "--no-input", "--output-dir", str(out)]
        call([*command, *(f"{key}={value}" for key, value in answers.items())], cwd=out)
    raw = root / "data" / "raw"
    if not (raw / "labels").is_dir():
        WRITERS[name](data, raw)
    shutil.copy(FILES / f"{name}.yaml", root / "conf" / "experiment" / "baseline.yaml")
    (root / "conf" / "model").mkdir(exist_ok=True)
    public = "segmodels_unet" if detector.task == "segmentation" else "hub_retinanet"
    shutil.copy(FILES / f"{public}.yaml", root / "conf" / "model")
    shutil.copy(FILES / f"{public}.py", root / root.name)
    call(["factory", "compose"], cwd=root)
    call(["dvc", "add", "--quiet", "data/raw"], cwd=root)
    call(["dvc", "repro", *STAGES_OF_DATA], cwd=root)
    return root


def write_vehicles(data: Path, raw: Path) -> None:
    """Import the frames with one class, and say which sequence is what."""
    source = data / "kit_ais_vehicles"
    renames = [f"--rename={name}=vehicle" for name in ("car", "bus", "minibus")]
    command = ["factory", "import", "yolo", str(source), "--out", str(raw)]
    call([*command, "--resolution-m", "0.15", "--name", "vehicles", *renames], cwd=raw.parents[1])
    scenes = sorted(path.stem for path in (raw / "scenes").rglob("*.tif"))
    splits = [(scene, split_of(scene)) for scene in scenes]
    query = raw.parents[1] / "conf" / "query" / "splits.csv"
    pd.DataFrame(splits, columns=["scene_id", "split"]).to_csv(query, index=False)


def split_of(scene: str) -> str:
    """Which of the three sequences a frame is of; two are told apart by its number alone."""
    if "MunichStreet02" in scene:
        return "train"
    return "val" if int(scene.rpartition("MOS")[2]) < 100 else "test"


def write_trees(data: Path, raw: Path) -> None:
    """Copy the sample."""
    for folder in ("scenes", "labels"):
        shutil.copytree(data / "neon_trees" / folder, raw / folder, dirs_exist_ok=True)


def write_buildings(data: Path, raw: Path) -> None:
    """Copy the chips, and cut the buildings at their edges."""
    write_banepa(data / "fair_banepa_buildings", raw)


WRITERS = {"buildings": write_buildings, "vehicles": write_vehicles, "trees": write_trees}


def run(root: Path, name: str, model: str, *, seed: int, steps: int) -> dict[str, Any]:
    """Train one model from one seed and score it, or read what an earlier call found."""
    detector = DETECTORS[name]
    choice = detector.models[model]
    slug = "-".join(["run", choice[0].partition("=")[2], str(steps), str(seed)])
    work = root / "quality" / slug
    done = work / "result.json"
    if done.is_file():
        return io.read_json(done)
    os.chdir(root)
    windows = io.read_json(root / "data/dataset/stats.json")["windows"]["train"]
    epochs = math.ceil(steps / max(windows // BATCH, 1))
    overrides = (
        *choice,
        *detector.common,
        f"train.seed={seed}",
        f"train.batch_size={BATCH}",
        f"train.epochs={epochs}",
        f"train.patience={epochs}",
        f"schedule.warmup_epochs={epochs / 10}",
        f"evaluate.iou={detector.iou}",
    )
    config = configuration.compose(root, overrides=overrides)
    (root / "params.yaml").write_text(configuration.to_yaml(config), encoding="utf-8")
    before_s = cpu_s()
    models = work / "models" / "0"
    curves = work / "curves" / "0"
    call(
        f"factory train --member 0 --dataset data/dataset --out {models} --curves {curves}".split(),
        cwd=root,
    )
    spent_s = cpu_s() - before_s
    for split in ("val", "test"):
        call(
            [
                *f"factory predict --split {split} --models {work / 'models'}".split(),
                *["--scenes", "data/processed", "--selection", "data/selection"],
                *f"--out {work / 'predictions' / split}".split(),
            ],
            cwd=root,
        )

    def on_val(point: DictConfig) -> float:
        return score(point, detector, work, "val")[detector.metrics[0]] or 0.0

    best = max(points(config, detector), key=on_val)
    metrics = score(best, detector, work, "test")
    result = {metric: metrics[metric] for metric in detector.metrics} | {
        "val": on_val(best),
        "epochs": epochs,
        "steps": epochs * max(windows // BATCH, 1),
        "cpu_s": round(spent_s),
    }
    io.write_json(result, done)
    return result


def points(config: DictConfig, detector: Detector) -> Iterator[DictConfig]:
    """The running points: the threshold, everything else as the template has it."""
    for threshold in THRESHOLDS:
        point = config.copy()
        part = "threshold" if detector.task == "segmentation" else "min_score"
        point.postprocess.tasks[part].min_score = threshold
        yield point


def score(config: DictConfig, detector: Detector, work: Path, split: str) -> dict[str, Any]:
    """Metrics of `split` at a running point."""
    selection, found = Path("data/selection"), work / "detections" / f"{split}.parquet"
    found.parent.mkdir(exist_ok=True)
    predictions = work / "predictions" / split
    postprocess.run(config, predictions=predictions, selection=selection, split=split, out=found)
    scenes = read_scenes(
        detections=found,
        predictions=predictions,
        scenes=Path("data/processed"),
        catalogue=Path("data/catalogue"),
        selection=selection,
        split=split,
        taxonomy=configuration.taxonomy(config),
    )
    results = Results(
        scenes,
        taxonomy=configuration.taxonomy(config),
        match="polygon" if detector.task == "segmentation" else "box",
        iou=detector.iou,
    )
    metrics = [Matches(), AveragePrecision()]
    return measure(
        [*metrics, PixelIou()] if detector.task == "segmentation" else metrics,
        results,
        weights=np.ones((1, len(scenes))),
        contexts=pd.DataFrame(),
        context_edges={},
        min_labels=1,
    ).metrics


def table(name: str, results: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A row a model: mean and spread of each metric over the seeds, and the cost."""
    metrics = DETECTORS[name].metrics
    yield f"| {name} | {' | '.join(metrics)} | steps | CPU minutes of training |"
    yield f"| --- |{' --- |' * (len(metrics) + 2)}"
    for model, runs in results.items():
        cells = [
            f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"
            for values in ([run[metric] or 0.0 for run in runs] for metric in metrics)
        ]
        minutes = statistics.median(run["cpu_s"] for run in runs) / 60
        yield f"| {model} | {' | '.join(cells)} | {runs[0]['steps']} | {minutes:.1f} |"


def summary(results: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, Any]:
    """Mean of each metric by model, and the ratio of ours over the public one."""
    found: dict[str, Any] = {}
    for name, models in results.items():
        for metric in DETECTORS[name].metrics:
            ours, public = (
                statistics.mean(run[metric] or 0.0 for run in runs) for runs in models.values()
            )
            found[f"{name}_{metric}"] = {
                "ours": round(ours, 4),
                "public": round(public, 4),
                "ratio": round(ours / public, 3) if public else None,
            }
    return found


def cpu_s() -> float:
    """Seconds of the cores that ended child processes took; other work does not change them."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def call(command: list[str], *, cwd: Path) -> None:
    """Run a command of this environment; its failure ends the benchmark."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(command, cwd=cwd, check=True, env={**os.environ, "PATH": path})


if __name__ == "__main__":
    main()
