"""Seconds of each post-processing at growing numbers of objects, and over the same with geopandas.

    python benchmarks/postprocess.py                     # 10,000 and 100,000 objects, three minutes
    python benchmarks/postprocess.py --large             # and 1,000,000
    python benchmarks/postprocess.py --parts opening,simplify
    python benchmarks/postprocess.py --data DIR          # and the road chain on a SpaceNet chip

Detections are crooked houses on a grid, two of each, in a town that grows with their number; lines
are its streets, with gaps; score maps show the same houses as blobs of 8 x 6 in 16 x 16 pixels.
Every part has the values of its YAML file. Time is that of one core, the better of two runs at the
smaller numbers. `growth` is e in "time grows as n to the power of e" between the two largest
numbers: sorting alone has 1.06. The plain way is what one writes with geopandas, scikit-image or a
loop where they have no call; it is timed at the smallest number, where a loop is bearable.

The last line is one JSON object; its `ratio` is the median over the parts of plain over ours.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from postprocess_plain import PLAIN
from rasterio.features import rasterize
from scipy import ndimage

from factory_core.kernel import config, io
from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.parts import list_parts, load_part
from factory_core.postprocess.chain import compose
from factory_core.postprocess.kinds import SCORE_MAP, shapes_of

CRS = "EPSG:32633"
CORNER = np.array([500_000.0, 5_000_000.0])
STEP_M = 25.0
SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
ROADS = ["gaussian", "hysteresis_threshold", "closing", "remove_specks", "centre_lines"]
ROADS += ["drop_spurs", "snap_ends", "simplify", "close_gaps", "merge_collinear", "join_network"]
ROADS += ["straighten_lines", "min_length"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="a million objects, too")
    parser.add_argument("--parts", default="", help="some of them, with commas; default all")
    parser.add_argument("--data", type=Path, help="folder `spacenet_solaris`")
    arguments = parser.parse_args()
    names = arguments.parts.split(",") if arguments.parts else [p.name for p in all_parts()]
    numbers = [SMALL, MIDDLE, *([LARGE] if arguments.large else [])]
    report: dict[str, Any] = {"ratio": None}
    with tempfile.TemporaryDirectory(prefix="postprocess-") as folder:
        os.chdir(folder)
        print(
            "| part | " + " | ".join(f"{n:,} s" for n in numbers) + " | growth | plain over ours |"
        )
        print("| --- |" + " --- |" * (len(numbers) + 2))
        rows = {name: measure(name, numbers) for name in names}
    report["seconds"] = {name: row["seconds"] for name, row in rows.items()}
    report["growth"] = {name: row["growth"] for name, row in rows.items()}
    report["plain_over_ours"] = {n: row["ratio"] for n, row in rows.items() if row["ratio"]}
    ratios = list(report["plain_over_ours"].values())
    report["ratio"] = round(statistics.median(ratios), 2) if ratios else None
    report["worst_growth"] = max(report["growth"].values())
    if arguments.data:
        report["roads"] = check_roads(arguments.data)
    print(json.dumps(report))


def all_parts() -> list[Any]:
    return list_parts("postprocess")


def measure(name: str, numbers: list[int]) -> dict[str, Any]:
    node = load_part("postprocess", name)
    if "taxonomy" in node:
        node["taxonomy"] = {"classes": ["thing/house", "thing/hut"], "level": 2}
    part = config.build(node, where=name)
    takes, _ = shapes_of(part, where=name)
    write_layers(max(numbers))
    seconds = [
        time_of(part, made(takes, number), times=2 if number < MIDDLE else 1) for number in numbers
    ]
    growth = math.log(seconds[-1] / seconds[-2]) / math.log(numbers[-1] / numbers[-2])
    ratio = None
    if name in PLAIN:
        given = made(takes, numbers[0])
        ratio = time_of(lambda objects: PLAIN[name](objects, node), given) / seconds[0]
    cells = [f"{value:.3f}" for value in seconds]
    shown = "" if ratio is None else f"{ratio:.1f}"
    print(f"| `{name}` | {' | '.join(cells)} | {growth:.2f} | {shown} |", flush=True)
    return {
        "seconds": [round(value, 4) for value in seconds],
        "growth": round(growth, 2),
        "ratio": None if ratio is None else round(ratio, 2),
    }


def time_of(work: Callable[[Any], Any], given: Any, *, times: int = 1) -> float:
    best = math.inf
    for _ in range(times):
        fresh = given.copy() if isinstance(given, GeoDataFrame) else given
        start = time.process_time()
        work(fresh)
        best = min(best, time.process_time() - start)
    return max(best, 1e-6)


@cache
def made(takes: str, number: int) -> Any:
    if takes == SCORE_MAP:
        return town_map(number)
    shapes = streets(number) if takes == "lines" else houses(number)
    rng = np.random.default_rng(1)
    return GeoDataFrame(
        {
            "score": rng.random(len(shapes)),
            "label": rng.choice(np.array(["house", "hut"], object), len(shapes)),
            "scene_id": "a",
        },
        geometry=shapes,
        crs=CRS,
    )


def houses(number: int) -> np.ndarray:
    """Crooked L-shaped houses of twelve corners, two of each place, one moved by a metre."""
    rng = np.random.default_rng(0)
    side = math.ceil(math.sqrt(number / 2))
    place = np.stack(np.divmod(np.arange(number) // 2, side), axis=-1) * STEP_M
    x = [0, 7, 14, 14, 14, 11, 8, 8, 8, 4, 0, 0]
    y = [0, 0, 0, 4, 8, 8, 8, 10, 12, 12, 12, 6]
    shape = np.stack([x, y], axis=-1)
    angle = np.deg2rad(rng.integers(0, 4, number) * 20)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=-1)
    corners = shape @ turn.reshape(-1, 2, 2) + rng.uniform(-0.2, 0.2, (number, len(shape), 2))
    moved = place + rng.uniform(-1, 1, (number, 2)) + CORNER
    return np.asarray(shapely.polygons(corners + moved[:, None]))


def streets(number: int) -> np.ndarray:
    """Streets of a grid, each of six points between two crossings; one in ten with a gap."""
    rng = np.random.default_rng(0)
    side = math.ceil(math.sqrt(number / 2))
    start = np.stack(np.divmod(np.arange(number) // 2, side), axis=-1) * STEP_M
    way = np.where(np.arange(number)[:, None] % 2 == 0, [[1, 0]], [[0, 1]]) * STEP_M
    share = np.linspace(0, 1, 6)
    wobble = rng.uniform(-0.5, 0.5, (number, 6, 2))
    wobble[:, [0, -1]] = 0
    gap = (rng.random(number) < 0.1)[:, None] * np.array([0, 0, 0, 0, 0, 0.3])
    points = start[:, None] + way[:, None] * (share - gap)[..., None] + wobble
    return np.asarray(shapely.linestrings(points + CORNER))


def town_map(number: int) -> ScoreMap:
    rng = np.random.default_rng(0)
    side = math.ceil(math.sqrt(number))
    blob = np.zeros((16, 16), np.uint8)
    blob[4:10, 3:11] = 180
    blob[5:9, 4:10] = 230
    blob[6, 6] = 0
    scores = np.tile(blob, (side, side))
    specks = rng.integers(0, scores.size, number)
    scores.ravel()[specks] = np.maximum(scores.ravel()[specks], 100)
    geobox = GeoBox(scores.shape, Affine(1, 0, CORNER[0], 0, -1, CORNER[1]), CRS)
    return ScoreMap("a", geobox, ("house",), scores[None])


def write_layers(number: int) -> None:
    """The files that defaults name: every second strip of the town."""
    if Path("layer.geojson").exists():
        return
    length = math.sqrt(number / 2) * STEP_M
    x, y = CORNER
    low = np.arange(0, length, 8 * STEP_M)
    strips = shapely.box(x - 50, y + low, x + length + 50, y + low + 4 * STEP_M)
    frame = gpd.GeoDataFrame(geometry=strips, crs=CRS)
    for name in ("layer.geojson", "geofence.geojson"):
        io.write_vectors(frame, Path(name))


def check_roads(data: Path) -> dict[str, float]:
    """The road chain on the roads of a chip, drawn 8 m wide, blurred, under noise and trees.

    Completeness and correctness with a buffer of 4 m: Wiedemann et al. 1998, Empirical
    Evaluation of Automatically Extracted Road Axes.
    """
    roads = gpd.read_file(data / "sample_roads_for_masking.geojson").to_crs("EPSG:32611")
    x_min, y_min, x_max, y_max = roads.total_bounds
    shape = (int((y_max - y_min) / 0.5) + 40, int((x_max - x_min) / 0.5) + 40)
    affine = Affine(0.5, 0, x_min - 10, 0, -0.5, y_max + 10)
    mask = rasterize(roads.buffer(4), shape, transform=affine)
    rng = np.random.default_rng(0)
    score = 0.9 * ndimage.gaussian_filter(mask.astype(float), 2)
    row, column = np.nonzero(mask)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    for at, radius_px in zip(rng.integers(0, len(row), 30), rng.uniform(4, 10, 30), strict=True):
        score[np.hypot(rows - row[at], columns - column[at]) < radius_px] *= 0.15
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 3)
    score = np.clip(score + 0.09 * noise / noise.std(), 0, 1)
    seen = ScoreMap(
        "a", GeoBox(shape, affine, "EPSG:32611"), ("road",), np.uint8(score * 255)[None]
    )
    node = {"tasks": {name: load_part("postprocess", name) for name in ROADS}, "order": ROADS}
    for name, value in {"gaussian": {"sigma_m": 0.5}, "closing": {"radius_m": 2.0}}.items():
        node["tasks"][name] |= value
    node["tasks"]["hysteresis_threshold"] |= {"min_score": 0.3, "min_peak": 0.6}
    node["tasks"]["remove_specks"] |= {"min_area_m2": 100.0}
    found = compose(node, takes=ScoreMap, where="postprocess")(seen).union_all()
    true = roads.union_all()
    return {
        "completeness": round(true.intersection(found.buffer(4)).length / true.length, 3),
        "correctness": round(found.intersection(true.buffer(4)).length / found.length, 3),
        "km": round(true.length / 1000, 2),
    }


if __name__ == "__main__":
    main()
