"""Parameters, operations and time a window of every architecture, and its ratio to a U-Net.

    python benchmarks/models.py                    # all, some fifteen minutes
    python benchmarks/models.py fpn segformer      # these
    python benchmarks/models.py --page docs/tutorials/choose-a-model.md   # and write the tables

Each model is built from its YAML alone, for three bands and two classes, with random weights, and
exported as training does; `--onnx DIR` keeps the files, and a second run only measures. ONNX
Runtime runs one window at a time on two threads, in turn with the reference: a U-Net over the
same encoder, or for models that see the image themselves the U-Net of its own YAML. Time is that
of the cores, which other work on the machine spoils less than the clock: the median of the runs.
The last line is one JSON object; `ratio` in it is that time over the reference's, by name.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
from omegaconf import DictConfig

from factory_core.dataset.shards import Stats
from factory_core.kernel import config, io
from factory_core.kernel.parts import Part, list_parts
from factory_core.models.operations import cost_of
from factory_core.train.export import write_onnx
from factory_core.train.graph import build_deployed, build_network

REFERENCE = "unet"
THREADS, REPEATS = 2, 9
CLASSES = ("one", "another")
CONFIG = """
defaults: [{{model: {name}}}, _self_]
taxonomy: {{classes: [{classes}], level: 1}}
hydra: {{searchpath: ["pkg://factory_core.conf"]}}
"""
HEADER = """| `model` | when | encoder | parameters | operations | ms | over `unet` |
| --- | --- | --- | --- | --- | --- | --- |"""


def main() -> None:
    """Export, measure, print; write the page."""
    # Those of an extra are left out: they need another package.
    parts = {part.name: part for part in list_parts("model") if not part.name.startswith("hub_")}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(parts), help="names; default all")
    parser.add_argument("--window", type=int, default=256, help="side of a window in pixels")
    parser.add_argument("--onnx", type=Path, help="folder that keeps the exported files")
    parser.add_argument("--page", type=Path, help="page whose tables are written anew")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="models-") as work:
        folder = arguments.onnx or Path(work)
        pairs = [(name, *exported(name, folder, arguments.window)) for name in arguments.models]
        found = {name: measure(*files) for name, *files in pairs}
    for name, figures in found.items():
        print(row(parts[name], figures))
    if arguments.page:
        write_page(arguments.page, parts, found)
    ratio = {name: figures["ratio"] for name, figures in found.items()}
    print(json.dumps({"ratio": ratio, "window_px": arguments.window, "models": found}))


def exported(name: str, folder: Path, window_px: int) -> tuple[Path, Path]:
    """The ONNX files of an architecture and of the U-Net that it is compared with."""
    composed, reference = compose(name, folder), compose(REFERENCE, folder)
    encoder = "none"
    if "encoder" in composed.model:
        encoder = composed.model.encoder._target_.rpartition(".")[2]
        reference.model.encoder = composed.model.encoder
    paths = folder / f"{name}_{window_px}.onnx", folder / f"{REFERENCE}_{encoder}_{window_px}.onnx"
    for part, path in zip((composed, reference), paths, strict=True):
        if not path.with_suffix(".json").is_file():
            export(part, path, window_px=window_px)
    return paths


def compose(name: str, folder: Path) -> DictConfig:
    """The configuration that the YAML of the model alone gives."""
    conf = folder / name / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(name=name, classes=", ".join(CLASSES))
    (conf / "config.yaml").write_text(text, encoding="utf-8")
    return config.compose(folder / name)


def export(composed: DictConfig, path: Path, *, window_px: int) -> None:
    """Write a model with random weights, and beside it what it has of them."""
    keras.utils.clear_session()
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
    cost = cost_of(network)
    figures = {"parameters": cost.parameters, "operations": cost.operations, "task": model.task}
    io.write_json(figures, path.with_suffix(".json"))


def measure(path: Path, reference: Path) -> dict[str, Any]:
    """Figures of one file, and its time over that of another, taken in turn."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting is no work
    sessions = [
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        for file in (path, reference)
    ]
    _, side_px, *_ = sessions[0].get_inputs()[0].shape
    image = np.random.default_rng(0).integers(0, 255, (1, side_px, side_px, 3), np.uint8)
    runs = np.array([[_seconds(s, image) for s in sessions] for _ in range(REPEATS + 1)])
    cores, clock = np.median(runs[1:], axis=0).T  # the first run allocates
    return io.read_json(path.with_suffix(".json")) | {
        "core_ms": round(1000 * cores[0], 1),
        "reference_core_ms": round(1000 * cores[1], 1),
        "clock_ms": round(1000 * clock[0], 1),
        "ratio": round(cores[0] / cores[1], 2),
    }


def _seconds(session: onnxruntime.InferenceSession, image: np.ndarray) -> tuple[float, float]:
    """Of one run: by the cores and by the clock."""
    cores, clock = time.process_time(), time.perf_counter()
    session.run(None, {"image": image})
    return time.process_time() - cores, time.perf_counter() - clock


def row(part: Part, figures: Mapping[str, Any]) -> str:
    """A line of the table."""
    encoder = _encoder(part)
    cells = [
        f"[`{part.name}`](../reference/parts.md#model-{part.name})",
        part.help,
        f"`{encoder}`" if encoder else "none",
        f"{figures['parameters'] / 1e6:.2f} M",
        f"{figures['operations'] / 1e9:.2f} G",
        f"{figures['core_ms']:.0f}",
        f"**{figures['ratio']:.2f}**",
    ]
    return f"| {' | '.join(cells)} |"


def _encoder(part: Part) -> str:
    """The encoder that a model's YAML chooses; nothing for models without."""
    text = (Path(config.__file__).parents[1] / f"conf/model/{part.name}.yaml").read_text()
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("- /encoder:")]
    return lines[0].partition(":")[2].strip() if lines else ""


def write_page(page: Path, parts: Mapping[str, Part], found: Mapping[str, Any]) -> None:
    """Put a table for each task between its markers."""
    text = page.read_text(encoding="utf-8")
    for task in ("score_map", "boxes", "oriented_boxes"):
        rows = [row(parts[name], f) for name, f in found.items() if f["task"] == task]
        begin, end = f"<!-- {task}:begin -->", f"<!-- {task}:end -->"
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = "\n".join([before + begin, "", HEADER, *rows, "", end]) + after
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
