"""Rate at which dataset writes windows over that of a bare read of the same windows; peak memory.

    python benchmarks/dataset.py                    # two scenes of 10,000 pixels, some 3 minutes
    python benchmarks/dataset.py --size 3000        # a trial

Two generated scenes of three bands, four labels in each window of 256 pixels. The bare read
opens the same scenes and reads the same windows one by one in as many processes; half of it runs
before and half after our stage, so that a machine that changes its speed meanwhile spoils the
ratio less. Nothing is left out of ours: planning, labels, mean of the bands, all files.
The last line is one JSON object; its `ratio` is for the target `boxes` in one process, the
others stand beside it by target and number of processes. `cpu_ratios` compares the work of the
cores, which is the ratio where no core is idle: ours reads in a thread of its own.
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
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf

from factory_core.dataset import stage
from factory_core.kernel import io
from factory_core.kernel.compute import Local
from factory_core.kernel.geo import cut_windows, footprint, window_at
from factory_core.kernel.parts import load_part

WINDOW_PX, PIXEL_M = 256, 0.5
BANDS = ("red", "green", "blue")
TARGETS = ("boxes", "mask")
PROCESSES = (1, 2)


def main() -> None:
    """Write the data, measure in processes of their own, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=10_000, help="side of a scene in pixels")
    parser.add_argument(
        "--worker", nargs=4, metavar=("WHAT", "TARGET", "N", "DIR"), help="internal"
    )
    arguments = parser.parse_args()
    if arguments.worker:
        what, target, processes, folder = arguments.worker
        print(json.dumps(WORKERS[what](Path(folder), target=target, processes=int(processes))))
        return
    small = arguments.size // 2
    ratios: dict[str, dict[str, float]] = {target: {} for target in TARGETS}
    cpu_ratios: dict[str, dict[str, float]] = {target: {} for target in TARGETS}
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="dataset-") as name:
        folder = Path(name, "large")
        write_inputs(folder, arguments.size)
        write_inputs(Path(name, "small"), small)
        for processes in PROCESSES:
            for target in TARGETS:
                before = measure("bare-first", target, processes, folder)
                ours = measure("dataset", target, processes, folder)
                after = measure("bare-second", target, processes, folder)
                windows = before["windows"] + after["windows"]
                bare = windows / (before["seconds"] + after["seconds"])
                rate = windows / ours["seconds"]
                ratios[target][str(processes)] = round(rate / bare, 3)
                bare_cpu = before["cpu"] + after["cpu"]
                cpu_ratios[target][str(processes)] = round(bare_cpu / ours["cpu"], 3)
                rates[f"{target} {processes}"] = round(rate)
                rates[f"bare {target} {processes}"] = round(bare)
                if (target, processes) == ("boxes", 1):
                    peak, first = ours["peak_mb"], ours
        less = measure("dataset", "boxes", 1, Path(name, "small"))["peak_mb"]
    print(
        json.dumps(
            {
                "ratio": ratios["boxes"]["1"],
                "ratios": ratios,
                "cpu_ratios": cpu_ratios,
                "windows": windows,
                "windows_per_s": rates,
                "seconds": round(first["seconds"], 1),
                "peak_mb": {str(small): less, str(arguments.size): peak},
                "peak_ratio": round(peak / less, 3),
            }
        )
    )


def measure(what: str, target: str, processes: int, folder: Path) -> dict[str, float]:
    """Run a worker in a process of its own and give what it prints last."""
    print(f"{what}, {target}, {processes} process(es)", file=sys.stderr, flush=True)
    worker = ["--worker", what, target, str(processes), str(folder)]
    done = subprocess.run(
        [sys.executable, __file__, *worker], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def dataset(folder: Path, *, target: str, processes: int) -> dict[str, float]:
    """Our stage."""
    config = {
        "taxonomy": {"classes": ["thing"], "level": 1},
        "dataset": {
            "window_px": WINDOW_PX,
            "overlap_px": 0,
            "background_share": 1.0,
            "min_shown": 0.0,
            "shard_windows": 256,
            "seed": 0,
            "target": load_part("target", target),
        },
        "compute": load_part("compute", "local") | {"workers": processes},
        "fingerprint": {"dataset": "benchmark"},
    }
    config = OmegaConf.create(config)
    paths = {name: folder / name for name in ("scenes", "catalogue", "selection")}
    before, started = cpu_seconds(), time.perf_counter()
    stage.run(config, **paths, out=folder / f"{target}-{processes}")
    seconds = time.perf_counter() - started
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "cpu": cpu_seconds() - before, "peak_mb": round(peak_kb / 1024)}


def bare(folder: Path, *, target: str, processes: int, half: int) -> dict[str, float]:
    """Read one half of the windows of each scene, in as many processes."""
    del target
    todo = []
    for path in sorted((folder / "scenes").glob("*.tif")):
        grid = io.open_raster(path).geobox
        count = len(list(cut_windows(grid, size_px=WINDOW_PX)))
        begin, end = (0, count // 2) if half == 0 else (count // 2, count)
        starts = range(begin, end, 256)
        todo += [(path, start, min(start + 256, end)) for start in starts]
    before, started = cpu_seconds(), time.perf_counter()
    read = Local(processes).map(read_windows, todo, label="bare")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu": cpu_seconds() - before, "windows": sum(read)}


def cpu_seconds() -> float:
    """Work of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def read_windows(part: tuple[Path, int, int]) -> int:
    """Read some windows of a scene and give their number."""
    path, start, stop = part
    raster = io.open_raster(path)
    windows = list(cut_windows(raster.geobox, size_px=WINDOW_PX))[start:stop]
    for window in windows:
        raster.read(window)
    return len(windows)


WORKERS = {
    "dataset": dataset,
    "bare-first": partial(bare, half=0),
    "bare-second": partial(bare, half=1),
}


def write_inputs(folder: Path, size: int) -> None:
    """Write two scenes with labels, one for train and one for val."""
    labels, blocks = [], []
    for number, split in enumerate(("train", "val")):
        east = 500_000 + 20_000 * number
        grid = GeoBox((size, size), Affine(PIXEL_M, 0, east, 0, -PIXEL_M, 5_000_000), "EPSG:32633")
        io.write_cog(
            folder / f"scenes/scene_{number}.tif",
            geobox=grid,
            bands=BANDS,
            dtype="uint8",
            nodata=0,
            blocks=_blocks(grid, seed=number),
        )
        rng = np.random.default_rng(number)
        count = 4 * (size // WINDOW_PX) ** 2
        x, y = grid.affine @ rng.uniform(20, size - 20, (2, count))
        squares = shapely.box(x, y, x + rng.uniform(4, 12, count), y + rng.uniform(4, 12, count))
        fields = {"label": "thing", "scene_id": f"scene_{number}"}
        labels.append(
            gpd.GeoDataFrame(fields, geometry=squares, crs=str(grid.crs), index=range(count))
        )
        block = {"scene_id": [f"scene_{number}"], "block": 0, "split": split, "reason": ""}
        blocks.append(gpd.GeoDataFrame(block, geometry=[footprint(grid)], crs=str(grid.crs)))
    io.write_by_scene(labels, folder / "catalogue/labels.parquet")
    io.write_by_scene(blocks, folder / "selection/selection.parquet")


def _blocks(grid: GeoBox, *, seed: int) -> Iterator[tuple[GeoBox, np.ndarray]]:
    """Soft shapes and noise, which pack about as well as imagery does."""
    rng = np.random.default_rng(seed)
    height, width = grid.shape
    slope = np.linspace(0, 12, 512, dtype=np.float32)
    soft = 120 + 60 * np.sin(slope)[:, None] * np.cos(slope)
    for row in range(0, height, 512):
        for column in range(0, width, 512):
            noise = rng.normal(0, 5, (len(BANDS), 512, 512))
            window = window_at(grid, row=row, column=column, shape=(512, 512))
            yield window, np.clip(soft + noise, 1, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
