"""Rate of predict over that of the bare ONNX Runtime session and of others, and peak memory.

    python benchmarks/predict.py                    # 4,000 pixels, some 10 minutes
    python benchmarks/predict.py --size 2000        # a trial
    python benchmarks/predict.py --others PYTHON --raster-vision PYTHON   # see predict_others.py

A U-Net with random weights (1.2 million parameters, windows of 512 pixels) runs over a
generated scene of three bands. The bare session gets the same windows, already in memory and
stacked in batches, half of them before and half after our run, and so for each round: a machine
that changes its speed meanwhile spoils the ratio less. Others run between the halves too. Peak
memory is that of a process which does one thing. SAHI is for boxes: it and ours run the same
U-Net with the hundred highest pixels of a window as boxes.

`scaling` is ours in two processes over ours in one, each with one thread. `large` is a network
of a single multiplication over a scene of 40,000 and of 10,000 pixels, one band, of which a
twelfth has data: what it shows is memory.

The last line is one JSON object; its `ratio` is our windows a second, from opening the files to
the finished score map, over the bare session's.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import geopandas as gpd
import numpy as np
import onnx
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from onnx import TensorProto, helper, numpy_helper

from factory_core.kernel import io
from factory_core.kernel.geo import cut_windows, footprint
from factory_core.predict import stage
from factory_core.predict.model import load_ensemble

WINDOW_PX, OVERLAP_PX, BATCH, BOXES = 512, 64, 8, 100
BANDS = ("red", "green", "blue")
CONFIG = {
    "predict": {
        "overlap_px": OVERLAP_PX,
        "batch_size": BATCH,
        "blend": {"_target_": "factory_core.predict.blend.Cosine"},
        "provider": {"_target_": "factory_core.predict.providers.Cpu", "threads": 0},
    },
    "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
    "fingerprint": {"predict": "benchmark"},
}


def main() -> None:
    """Write the data, measure in processes of their own, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=4000, help="side of the scene in pixels")
    parser.add_argument("--large", type=int, default=40_000, help="side of the large one; 0: none")
    parser.add_argument("--width", type=int, default=12, help="channels of the first level")
    parser.add_argument("--rounds", type=int, default=1, help="the median is taken")
    parser.add_argument("--others", help="python that has sahi and torchgeo")
    parser.add_argument("--raster-vision", help="python that has rastervision")
    parser.add_argument("--worker", nargs=3, metavar=("WHAT", "SIZE", "FOLDER"), help="internal")
    arguments = parser.parse_args()
    if arguments.worker:
        what, size, folder = arguments.worker
        print(json.dumps(WORKERS[what](Path(folder), int(size))))
        return
    others = dict.fromkeys(("torchgeo", "sahi"), arguments.others)
    others["raster_vision"] = arguments.raster_vision
    with tempfile.TemporaryDirectory(prefix="predict-") as name:
        folder = Path(name)
        found: dict[str, object] = {
            "parameters": write_unet(folder / "models/0/model.onnx", width=arguments.width)
        }
        write_unet(folder / "models-boxes/0/model.onnx", width=arguments.width, boxes=True)
        write_scene(folder, arguments.size)
        given = {other: python for other, python in others.items() if python}
        rounds = [one_round(folder, arguments.size, given) for _ in range(arguments.rounds)]
        found |= {
            key: round(median(one[key] for one in rounds), 3) for key in rounds[0] if key != "raw"
        }
        found["rounds"] = [one["raw"] for one in rounds]
        if arguments.large:
            found["large"] = large(folder, arguments.large)
    print(json.dumps(found))


def one_round(folder: Path, size: int, others: Mapping[str, str]) -> dict[str, Any]:
    """Everything once, our runs and the others between the halves of the bare session's."""
    before = measure("bare-first", size, folder)
    raw = {what: measure(what, size, folder) for what in ("predict", "boxes", "one", "two")}
    for name, python in others.items():
        boxes = "-boxes" if name == "sahi" else ""
        model = folder / f"models{boxes}/0/model.onnx"
        scene = folder / "processed" / f"{size}.tif"
        script = str(Path(__file__).with_name("predict_others.py"))
        out = folder / f"{name}.out"
        raw[name] = run_worker([python, script, name, str(scene), str(model), str(out)])
    after = measure("bare-second", size, folder)
    windows = before["windows"] + after["windows"]
    bare = {key: before[key] + after[key] for key in ("seconds", "cpu_seconds")}
    ours = raw["predict"]
    found: dict[str, Any] = {
        "ratio": bare["seconds"] / ours["seconds"],
        "ratio_by_cpu": bare["cpu_seconds"] / ours["cpu_seconds"],
        "windows_per_s": windows / ours["seconds"],
        "peak_mb": ours["peak_mb"],
        "scaling": raw["one"]["seconds"] / raw["two"]["seconds"],
    }
    for name in others:
        mine = raw["boxes" if name == "sahi" else "predict"]
        found[f"over_{name}"] = raw[name]["seconds"] / mine["seconds"]
        found[f"over_{name}_by_cpu"] = raw[name]["cpu_seconds"] / mine["cpu_seconds"]
        found[f"{name}_peak_mb"] = raw[name]["peak_mb"]
    return {**found, "raw": {**raw, "bare": bare}}


def large(folder: Path, size: int) -> dict[str, float]:
    """Peak memory and time of a scene, and of one with a sixteenth of its pixels."""
    write_brightness(folder / "models-large/0/model.onnx")
    found = {}
    for side in (size // 4, size):
        write_scene(folder, side, bands=BANDS[:1], every=12)
        found[str(side)] = measure("large", side, folder)
    (small, big) = (one["peak_mb"] for one in found.values())
    return {"peak_ratio": round(big / small, 3), **found}


def measure(what: str, size: int, folder: Path) -> dict[str, float]:
    """Run a worker in a process of its own and give what it prints last."""
    return run_worker([sys.executable, __file__, "--worker", what, str(size), str(folder)])


def run_worker(command: list[str]) -> dict[str, float]:
    """What a process prints last."""
    print(*command[2:4], file=sys.stderr, flush=True)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def predict(
    folder: Path, size: int, *, models: str = "models", workers: int = 1, threads: int = 0
) -> dict[str, float]:
    """Our stage on one scene."""
    config = OmegaConf.create(CONFIG)
    config.compute.workers = workers
    config.predict.provider.threads = threads
    out = folder / f"predictions-{size}-{models}-{workers}-{threads}"
    started = time.perf_counter()
    stage.run(
        config,
        models=folder / models,
        scenes=folder / "processed",
        selection=folder / f"selection-{size}",
        split="test",
        out=out,
    )
    found = _used(started)
    shutil.rmtree(out)
    return found


def _used(started: float) -> dict[str, float]:
    """Seconds since `started`; of the cores, and peak memory, of this process and its own."""
    seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": seconds,
        "cpu_seconds": sum(one.ru_utime + one.ru_stime for one in used),
        "peak_mb": round(max(one.ru_maxrss for one in used) / 1024),
    }


def bare(folder: Path, size: int, *, half: int) -> dict[str, float]:
    """The session alone on one half of the scene's windows, in memory as batches."""
    raster = io.open_raster(folder / "processed" / f"{size}.tif")
    windows = list(cut_windows(raster.geobox, size_px=WINDOW_PX, overlap_px=OVERLAP_PX))
    middle = len(windows) // 2
    windows = windows[middle:] if half else windows[:middle]
    pixels = [np.moveaxis(raster.read(window), 0, -1) for window in windows]
    batches = [np.stack(pixels[first : first + BATCH]) for first in range(0, len(pixels), BATCH)]
    del pixels
    ((_, session),) = load_ensemble([folder / "models/0/model.onnx"]).members
    session.run(["scores"], {"image": batches[0]})
    started, cpu = time.perf_counter(), time.process_time()
    for images in batches:
        session.run(["scores"], {"image": images})
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "windows": len(windows)}


WORKERS = {
    "predict": predict,
    "boxes": partial(predict, models="models-boxes"),
    "one": partial(predict, workers=1, threads=1),
    "two": partial(predict, workers=2, threads=1),
    "large": partial(predict, models="models-large"),
    "bare-first": partial(bare, half=0),
    "bare-second": partial(bare, half=1),
}


def write_scene(folder: Path, size: int, *, bands: tuple[str, ...] = BANDS, every: int = 1) -> None:
    """Write a scene of soft shapes and a little noise, and a selection of all of it.

    Of its blocks of a window's size one in `every` has data.
    """
    geobox = GeoBox((size, size), Affine(1, 0, 500_000, 0, -1, 5_000_000), "EPSG:32633")
    io.write_cog(
        folder / "processed" / f"{size}.tif",
        geobox=geobox,
        bands=bands,
        dtype="uint8",
        nodata=0,
        blocks=_blocks(geobox, bands=len(bands), every=every),
    )
    chosen = gpd.GeoDataFrame(
        {"scene_id": [str(size)], "block": 0, "split": "test", "reason": ""},
        geometry=[footprint(geobox)],
        crs=str(geobox.crs),
    )
    io.write_by_scene([chosen], folder / f"selection-{size}" / "selection.parquet")


def _blocks(geobox: GeoBox, *, bands: int, every: int) -> Iterator[tuple[GeoBox, np.ndarray]]:
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 12, WINDOW_PX, dtype=np.float32)
    soft = 120 + 60 * np.sin(slope)[:, None] * np.cos(slope)
    for number, window in enumerate(cut_windows(geobox, size_px=WINDOW_PX)):
        if number % every == 0:
            noise = rng.integers(0, 8, (bands, WINDOW_PX, WINDOW_PX))
            yield window, (soft + noise).astype(np.uint8)


def write_unet(path: Path, *, width: int, boxes: bool = False) -> int:
    """Write a U-Net of five levels with random weights and give its number of parameters."""
    net = _Net()
    net.add("Cast", ["image"], "real", to=TensorProto.FLOAT)
    net.add("Mul", ["real", net.weight(np.array(1 / 255, np.float32))], "normal")
    net.add("Transpose", ["normal"], "in", perm=[0, 3, 1, 2])
    last, channels, skipped = "in", len(BANDS), []
    for level in range(5):
        if level:
            skipped.append((last, channels))
            last = net.add("MaxPool", [last], kernel_shape=[2, 2], strides=[2, 2])
        last, channels = net.convolve(last, channels, width * 2**level), width * 2**level
        last = net.convolve(last, channels, channels)
    for skip, skip_channels in reversed(skipped):
        scales = net.weight(np.array([1, 1, 2, 2], np.float32))
        last = net.add("Resize", [last, "", scales], mode="nearest")
        last = net.convolve(last, channels, skip_channels)
        last = net.add("Concat", [last, skip], axis=1)
        last = net.convolve(last, 2 * skip_channels, skip_channels)
        last, channels = net.convolve(last, skip_channels, skip_channels), skip_channels
    last = net.convolve(last, channels, 1, kernel=1, activation="Sigmoid")
    if boxes:
        _add_boxes(net, last)
    else:
        net.add("Transpose", [last], "scores", perm=[0, 2, 3, 1])
    net.save(path, boxes=boxes)
    return sum(int(np.prod(weight.dims)) for weight in net.weights)


def _add_boxes(net: _Net, scores: str) -> None:
    """The highest pixels of a window, each as the middle of a square."""
    row = net.add("Reshape", [scores, net.weight(np.array([0, -1]))])
    net.nodes.append(
        helper.make_node("TopK", [row, net.weight(np.array([BOXES]))], ["scores", "places"])
    )
    side, last = net.weight(np.array(WINDOW_PX)), net.weight(np.array([2]))
    x = net.add("Unsqueeze", [net.add("Mod", ["places", side]), last])
    y = net.add("Unsqueeze", [net.add("Div", ["places", side]), last])
    middle = net.add("Cast", [net.add("Concat", [x, y, x, y], axis=2)], to=TensorProto.FLOAT)
    around = net.weight(np.array([-8, -8, 8, 8], np.float32))
    net.add("Add", [middle, around], "boxes")
    net.add("Mul", ["places", net.weight(np.array(0))], "classes")


def write_brightness(path: Path) -> None:
    """Write the smallest network there is: the score of a pixel is its brightness."""
    net = _Net()
    net.add("Cast", ["image"], "real", to=TensorProto.FLOAT)
    net.add("Mul", ["real", net.weight(np.array(1 / 255, np.float32))], "scores")
    net.save(path, bands=BANDS[:1])


class _Net:
    """Collects nodes and weights of a graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(0)

    def weight(self, values: np.ndarray) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def add(self, kind: str, inputs: list[str], output: str = "", **attributes: object) -> str:
        output = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolve(
        self, source: str, given: int, wanted: int, *, kernel: int = 3, activation: str = "Relu"
    ) -> str:
        spread = (2 / (given * kernel**2)) ** 0.5
        kernels = self.rng.normal(0, spread, (wanted, given, kernel, kernel)).astype(np.float32)
        inputs = [source, self.weight(kernels), self.weight(np.zeros(wanted, np.float32))]
        result = self.add("Conv", inputs, pads=[kernel // 2] * 4)
        return self.add(activation, [result])

    def save(self, path: Path, *, bands: tuple[str, ...] = BANDS, boxes: bool = False) -> None:
        sides = [None, WINDOW_PX, WINDOW_PX]
        outputs = {"scores": (TensorProto.FLOAT, [*sides, 1])}
        if boxes:
            outputs = {
                "boxes": (TensorProto.FLOAT, [None, BOXES, 4]),
                "scores": (TensorProto.FLOAT, [None, BOXES]),
                "classes": (TensorProto.INT64, [None, BOXES]),
            }
        graph = helper.make_graph(
            self.nodes,
            "unet",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, [*sides, len(bands)])],
            [helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
            self.weights,
        )
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        stated = {
            "task": "boxes" if boxes else "score_map",
            "classes": '["thing"]',
            "bands": json.dumps(bands),
            "resolution_m": "1.0",
        }
        helper.set_model_props(model, stated)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)


if __name__ == "__main__":
    main()
