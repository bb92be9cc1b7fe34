"""Rate of predict on a large scene over that of the bare ONNX Runtime session, and peak memory.

    python benchmarks/predict.py                    # 10,000 and 20,000 pixels, some 10 minutes
    python benchmarks/predict.py --size 2000        # a trial

A U-Net with random weights (1.2 million parameters, windows of 512 pixels) runs over a
generated scene of three bands. The bare session gets the same windows, already in memory and
stacked in batches, half of them before and half after our run, so that a machine that changes
its speed meanwhile spoils the ratio less. Peak memory is that of a process which runs predict.
The last line is one JSON object; its `ratio` is our windows a second, from opening the files to
the finished score map, over the bare session's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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

WINDOW_PX, OVERLAP_PX, BATCH = 512, 64, 8
BANDS = ("red", "green", "blue")
CONFIG = {
    "predict": {
        "overlap_px": OVERLAP_PX,
        "batch_size": BATCH,
        "blend": {"_target_": "factory_core.predict.blend.Cosine"},
    },
    "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
    "fingerprint": {"predict": "benchmark"},
}


def main() -> None:
    """Write the data, measure in processes of their own, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10_000, help="side of the scene in pixels")
    parser.add_argument("--large", type=int, help="side of the second scene; default twice --size")
    parser.add_argument("--width", type=int, default=12, help="channels of the first level")
    parser.add_argument("--worker", nargs=3, metavar=("WHAT", "SIZE", "FOLDER"), help="internal")
    arguments = parser.parse_args()
    if arguments.worker:
        what, size, folder = arguments.worker
        print(json.dumps(WORKERS[what](Path(folder), int(size))))
        return
    large = arguments.large or 2 * arguments.size
    with tempfile.TemporaryDirectory(prefix="predict-") as name:
        folder = Path(name)
        parameters = write_unet(folder / "models/0/model.onnx", width=arguments.width)
        for size in (arguments.size, large):
            write_scene(folder, size)
        before = measure("bare-first", arguments.size, folder)
        ours = measure("predict", arguments.size, folder)
        after = measure("bare-second", arguments.size, folder)
        ours_large = measure("predict", large, folder)
    windows = before["windows"] + after["windows"]
    bare = windows / (before["seconds"] + after["seconds"])
    rate = windows / ours["seconds"]
    print(
        json.dumps(
            {
                "ratio": round(rate / bare, 3),
                "windows": windows,
                "windows_per_s": round(rate, 2),
                "bare_windows_per_s": round(bare, 2),
                "bare_halves_per_s": [
                    round(h["windows"] / h["seconds"], 2) for h in (before, after)
                ],
                "peak_mb": {
                    str(arguments.size): ours["peak_mb"],
                    str(large): ours_large["peak_mb"],
                },
                "peak_ratio": round(ours_large["peak_mb"] / ours["peak_mb"], 3),
                "seconds": {
                    str(arguments.size): round(ours["seconds"], 1),
                    str(large): round(ours_large["seconds"], 1),
                },
                "parameters": parameters,
            }
        )
    )


def measure(what: str, size: int, folder: Path) -> dict[str, float]:
    """Run a worker in a process of its own and give what it prints last."""
    print(f"{what} at {size} pixels", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--worker", what, str(size), str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def predict(folder: Path, size: int) -> dict[str, float]:
    """Our stage on one scene."""
    started = time.perf_counter()
    stage.run(
        OmegaConf.create(CONFIG),
        models=folder / "models",
        scenes=folder / "processed",
        selection=folder / f"selection-{size}",
        split="test",
        out=folder / f"predictions-{size}",
    )
    seconds = time.perf_counter() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "peak_mb": round(peak_kb / 1024)}


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
    started = time.perf_counter()
    for images in batches:
        session.run(["scores"], {"image": images})
    return {"seconds": time.perf_counter() - started, "windows": len(windows)}


WORKERS = {
    "predict": predict,
    "bare-first": lambda folder, size: bare(folder, size, half=0),
    "bare-second": lambda folder, size: bare(folder, size, half=1),
}


def write_scene(folder: Path, size: int) -> None:
    """Write a scene of soft shapes and a little noise, and a selection of all of it."""
    geobox = GeoBox((size, size), Affine(1, 0, 500_000, 0, -1, 5_000_000), "EPSG:32633")
    io.write_cog(
        folder / "processed" / f"{size}.tif",
        geobox=geobox,
        bands=BANDS,
        dtype="uint8",
        nodata=0,
        blocks=_blocks(geobox),
    )
    chosen = gpd.GeoDataFrame(
        {"scene_id": [str(size)], "block": 0, "split": "test", "reason": ""},
        geometry=[footprint(geobox)],
        crs=str(geobox.crs),
    )
    io.write_by_scene([chosen], folder / f"selection-{size}" / "selection.parquet")


def _blocks(geobox: GeoBox) -> Iterator[tuple[GeoBox, np.ndarray]]:
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 12, WINDOW_PX, dtype=np.float32)
    soft = 120 + 60 * np.sin(slope)[:, None] * np.cos(slope)
    for window in cut_windows(geobox, size_px=WINDOW_PX):
        noise = rng.integers(0, 8, (len(BANDS), WINDOW_PX, WINDOW_PX))
        yield window, (soft + noise).astype(np.uint8)


def write_unet(path: Path, *, width: int) -> int:
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
    net.add("Transpose", [last], "scores", perm=[0, 2, 3, 1])
    net.save(path)
    return sum(int(np.prod(weight.dims)) for weight in net.weights)


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

    def save(self, path: Path) -> None:
        sides = [None, WINDOW_PX, WINDOW_PX]
        graph = helper.make_graph(
            self.nodes,
            "unet",
            [helper.make_tensor_value_info("image", TensorProto.UINT8, [*sides, len(BANDS)])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [*sides, 1])],
            self.weights,
        )
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        stated = {
            "task": "score_map",
            "classes": '["thing"]',
            "bands": json.dumps(BANDS),
            "resolution_m": "1.0",
        }
        helper.set_model_props(model, stated)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)


if __name__ == "__main__":
    main()
