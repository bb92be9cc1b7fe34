"""Parameters and time a window of every architecture, and the ratio of each to a U-Net.

    python benchmarks/models.py                    # all, some ten minutes
    python benchmarks/models.py fpn segformer      # these

Each model is built from its YAML alone, for three bands and two classes, with random weights,
and exported as training does. ONNX Runtime runs one window at a time on two threads. The
reference, the U-Net over the same encoder, runs before and after each of them in turn, so that a
machine that changes its speed meanwhile spoils the ratio less; times are the medians. Models
that see the image themselves are compared with the U-Net of its own YAML. The last line is one
JSON object, `ratio` in it the time over that of the reference, by name.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import onnxruntime
from omegaconf import DictConfig

from factory_core.dataset.shards import Stats
from factory_core.kernel import config
from factory_core.kernel.parts import list_parts
from factory_core.train.export import write_onnx
from factory_core.train.graph import build_deployed, build_network

REFERENCE = "unet"
THREADS, REPEATS = 2, 7
CLASSES = ("one", "another")
CONFIG = """
defaults: [{{model: {name}}}, _self_]
taxonomy: {{classes: [{classes}], level: 1}}
hydra: {{searchpath: ["pkg://factory_core.conf"]}}
"""


def main() -> None:
    """Export, measure, print a table and the line."""
    names = [part.name for part in list_parts("model")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=names, help="names; default all")
    parser.add_argument("--window", type=int, default=256, help="side of a window in pixels")
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="models-") as folder:
        for name in arguments.models:
            found[name] = measure(name, window_px=arguments.window, folder=Path(folder))
            print(_row(name, found[name]), file=sys.stderr, flush=True)
    print(
        json.dumps(
            {
                "ratio": {name: figures["ratio"] for name, figures in found.items()},
                "reference": "unet over the same encoder",
                "window_px": arguments.window,
                "threads": THREADS,
                "models": found,
            }
        )
    )


def measure(name: str, *, window_px: int, folder: Path) -> dict[str, float | str]:
    """Figures of one architecture and of the U-Net beside it."""
    composed, reference = compose(name, folder=folder), compose(REFERENCE, folder=folder)
    encoder = ""
    if "encoder" in composed.model:
        encoder = composed.model.encoder._target_.rpartition(".")[2]
        reference.model.encoder = composed.model.encoder
    path, reference_path = folder / "model.onnx", folder / f"reference_{encoder}.onnx"
    parameters = write(composed, path, window_px=window_px)
    if not reference_path.is_file():
        write(reference, reference_path, window_px=window_px)
    ours, theirs = interleaved(path, reference_path, window_px=window_px)
    return {
        "encoder": encoder,
        "parameters": parameters,
        "ms": round(1000 * ours, 1),
        "reference_ms": round(1000 * theirs, 1),
        "ratio": round(ours / theirs, 2),
    }


def compose(name: str, *, folder: Path) -> DictConfig:
    """The configuration that the YAML of the model alone gives."""
    conf = folder / name / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(name=name, classes=", ".join(CLASSES))
    (conf / "config.yaml").write_text(text, encoding="utf-8")
    return config.compose(folder / name)


def write(composed: DictConfig, path: Path, *, window_px: int) -> int:
    """Export a model with random weights; how many it has."""
    model = config.build(composed.model, where="model")
    stats = Stats(
        form=model.form,
        bands=("red", "green", "blue"),
        dtype="uint8",
        nodata=None,
        classes=CLASSES,
        resolution_m=1.0,
        window_px=window_px,
        mean=(128.0,) * 3,
        deviation=(64.0,) * 3,
        windows={"train": 1, "val": 1},
        labelled={"train": 1, "val": 1},
    )
    network = build_network(model, stats)
    write_onnx(build_deployed(network, model, stats), path, task=model.task, stats=stats)
    parameters = int(network.count_params())
    del network
    keras.backend.clear_session()
    gc.collect()
    return parameters


def interleaved(first: Path, second: Path, *, window_px: int) -> tuple[float, float]:
    """Median seconds of one window by each of two files, taken in turn."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    sessions = [
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for path in (first, second)
    ]
    image = np.random.default_rng(0).integers(0, 255, (1, window_px, window_px, 3), np.uint8)
    seconds: tuple[list[float], list[float]] = ([], [])
    for repeat in range(REPEATS + 1):
        for session, taken in zip(sessions, seconds, strict=True):
            started = time.perf_counter()
            session.run(None, {"image": image})
            if repeat:  # the first run allocates
                taken.append(time.perf_counter() - started)
    return float(np.median(seconds[0])), float(np.median(seconds[1]))


def _row(name: str, figures: dict[str, float | str]) -> str:
    cells = [
        name,
        figures["encoder"],
        f"{figures['parameters']:,}",
        figures["ms"],
        figures["ratio"],
    ]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
