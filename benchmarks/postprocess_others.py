"""The same post-processings by other libraries, for benchmarks/postprocess.py.

Run by the Python of an environment that has them, this file is a worker: it reads the shapes of
one task, does it, and prints the seconds of its cores, those of its own processes included, start
and imports excluded.

- `supervision` works on arrays: boxes with score and class. They are made before its time starts.
- `pygeoops` works on an array of shapely geometries.
- `geofileops` works from file to file: its time has the reading of a GeoPackage with a spatial
  index, which is made before, and the writing of another; one worker (`nb_parallel=1`), a thread:
  the start of a process costs it 2 s.

Distances are those of the part's YAML file. A worker that asks for more than 16 GB or
uses a core for longer than `--other-cap-s` fails.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

OTHERS = {
    "non_maximum_suppression": ("supervision",),
    "soft_non_maximum_suppression": ("supervision",),
    "merge_cut": ("supervision",),
    "simplify": ("geofileops", "pygeoops"),
    "fill_polygon_holes": ("pygeoops",),
    "buffer": ("geofileops",),
    "dissolve": ("geofileops",),
    "merge_near": ("geofileops",),
    "clip_to_geofence": ("geofileops",),
    "geofence": ("geofileops",),
    "distance_to_layer": ("geofileops",),
}
MEMORY = 16 * 2**30
PREPARATION_S = 30


class Others:
    """The libraries of another environment.

    Args:
        venv: Its folder.
        cap_s: Longest that a worker may use a core.
    """

    def __init__(self, venv: Path, *, cap_s: float) -> None:
        self._python = venv / "bin" / "python"
        self._cap_s = cap_s

    def time_of(
        self,
        library: str,
        name: str,
        node: Mapping[str, Any],
        given: gpd.GeoDataFrame,
        *,
        times: int,
    ) -> float:
        """Seconds of a task, the best of `times` runs.

        Raises:
            MemoryError: It did not end.
        """
        settings = {key: value for key, value in node.items() if not key.startswith("_")}
        task = {
            "library": library,
            "name": name,
            "node": settings,
            "times": times,
            "cap_s": self._cap_s,
            "crs": given.crs.to_string(),
            "wkb": shapely.to_wkb(given.geometry.to_numpy()),
            "score": given["score"].to_numpy(),
            "label": np.unique(given["label"].to_numpy().astype(str), return_inverse=True)[1],
        }
        done = subprocess.run(
            [self._python, "-W", "ignore", __file__], input=pickle.dumps(task), capture_output=True
        )
        if done.returncode:
            last = done.stderr.decode().strip().splitlines()[-1:]
            print(f"{library} `{name}` of {len(given):,}: {last}", file=sys.stderr, flush=True)
            raise MemoryError
        return float(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Do the task of the standard input."""
    task = pickle.load(sys.stdin.buffer)  # noqa: S301 - of the benchmark that started this one
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    most_s = int(task["cap_s"] * task["times"] + PREPARATION_S)
    resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s))
    shapes = shapely.from_wkb(task["wkb"])
    with tempfile.TemporaryDirectory(prefix="others-") as folder:
        prepare = {"supervision": _supervision, "pygeoops": _pygeoops, "geofileops": _geofileops}
        work = prepare[task["library"]](task, shapes, Path(folder))
        seconds = []
        for _ in range(task["times"]):
            start = _cpu_s()
            work()
            seconds.append(_cpu_s() - start)
    print(json.dumps(min(seconds)))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _supervision(task: Mapping[str, Any], shapes: np.ndarray, _: Path) -> Callable[[], Any]:
    import supervision as sv

    boxes = np.column_stack([shapely.bounds(shapes), task["score"], task["label"]])
    node = task["node"]
    return {
        "non_maximum_suppression": lambda: sv.box_non_max_suppression(boxes, node["max_iou"]),
        "soft_non_maximum_suppression": lambda: sv.box_soft_non_max_suppression(
            boxes, node["sigma"]
        ),
        "merge_cut": lambda: sv.box_non_max_merge(
            boxes, node["max_share"], sv.detection.utils.iou_and_nms.OverlapMetric.IOS
        ),
    }[task["name"]]


def _pygeoops(task: Mapping[str, Any], shapes: np.ndarray, _: Path) -> Callable[[], Any]:
    import pygeoops

    node = task["node"]
    if task["name"] == "simplify":
        return lambda: pygeoops.simplify(shapes, node["tolerance_m"])
    return lambda: [
        pygeoops.remove_inner_rings(shape, node["max_area_m2"], crs=None) for shape in shapes
    ]


def _geofileops(task: Mapping[str, Any], shapes: np.ndarray, folder: Path) -> Callable[[], Any]:
    os.environ["GFO_WORKER_TYPE"] = "thread"
    import geofileops as gfo

    given, out, layer = (folder / f"{name}.gpkg" for name in ("given", "out", "layer"))
    columns = {"score": task["score"], "label": task["label"]}
    gfo.to_file(gpd.GeoDataFrame(columns, geometry=shapes, crs=task["crs"]), given)
    node = task["node"]
    if "file" in node:
        gfo.to_file(gpd.read_file(node["file"]).to_crs(task["crs"]), layer)
    how: dict[str, Any] = {"nb_parallel": 1, "force": True}
    return {
        "simplify": lambda: gfo.simplify(given, out, node["tolerance_m"], **how),
        "buffer": lambda: gfo.buffer(given, out, node["distance_m"], **how),
        "dissolve": lambda: gfo.dissolve(given, out, True, "label", **how),
        "merge_near": lambda: gfo.dissolve_within_distance(given, out, node["gap_m"], 0.0, **how),
        "clip_to_geofence": lambda: gfo.clip(given, layer, out, explodecollections=True, **how),
        "geofence": lambda: gfo.export_by_location(given, layer, out, **how),
        "distance_to_layer": lambda: gfo.join_nearest(given, layer, out, 1, **how),
    }[task["name"]]


if __name__ == "__main__":
    main()
