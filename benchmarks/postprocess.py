"""Seconds of each post-processing at growing numbers of objects, and over other ways to do it.

    python benchmarks/postprocess.py                     # 10,000, 100,000 and 1,000,000 objects
    python benchmarks/postprocess.py --most 100000       # up to 100,000
    python benchmarks/postprocess.py --parts opening,simplify
    python benchmarks/postprocess.py --others VENV       # and geofileops, pygeoops, supervision
    python benchmarks/postprocess.py --data DIR          # and the road chain on a SpaceNet chip

Detections are crooked houses on a grid, two of each, in a town that grows with their number; lines
are its streets, with gaps; score maps show the same houses as blobs of 8 x 6 in 16 x 16 pixels.
Every part has the values of its YAML file. Time is that of one core, system calls included, the
better of two runs where that of the number before promises less than 3 s: memory that no process
had before costs a quick part more than its work.

`growth` is the e that fits "time grows as (n log n) to the power of e" best over all numbers with
at least 10 ms: 1 is n log n, 0.92 is n. The plain way is what one writes with geopandas,
scikit-image or a loop where they have no call. A ratio is their time over ours at the largest
number that both did. What would take longer than `--cap-s` (`--other-cap-s` for the other ways) by
the time of the number before is not run, and is listed.

The others run in a process of VENV, which has `geofileops`, `pygeoops`, `supervision` and
`opencv-python-headless` (geofileops needs the GDAL of the system and `mod_spatialite`; with the 3.6
of Debian 12 it is `geofileops==0.10.2`, installed without its requirements); what is
timed there, on the same shapes, is told in `postprocess_others.py`.

The last line is one JSON object; its `ratio` is the median over the parts of plain over ours.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import statistics
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from geopandas import GeoDataFrame
from odc.geo.geobox import GeoBox
from postprocess_others import OTHERS, Others
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
NUMBERS = (10_000, 100_000, 1_000_000)
LEAST_S = 0.01
TWICE_S = 3.0
Way = Callable[..., float]
ROADS = ["gaussian", "hysteresis_threshold", "closing", "remove_specks", "centre_lines"]
ROADS += ["drop_spurs", "snap_ends", "simplify", "close_gaps", "merge_collinear", "join_network"]
ROADS += ["straighten_lines", "min_length"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=NUMBERS[-1], help="objects, at most")
    parser.add_argument("--parts", default="", help="some of them, with commas; default all")
    parser.add_argument("--cap-s", type=float, default=120, help="longest run of a part")
    parser.add_argument("--other-cap-s", type=float, default=40, help="longest of another way")
    parser.add_argument("--others", type=Path, help="environment with the other libraries")
    parser.add_argument("--data", type=Path, help="folder `spacenet_solaris`")
    arguments = parser.parse_args()
    names = arguments.parts.split(",") if arguments.parts else [p.name for p in all_parts()]
    numbers = [number for number in NUMBERS if number <= arguments.most]
    others = None
    if arguments.others:
        others = Others(arguments.others.absolute(), cap_s=arguments.other_cap_s)
    with tempfile.TemporaryDirectory(prefix="postprocess-") as folder:
        os.chdir(folder)
        print(f"| part | {' | '.join(f'{n:,} s' for n in numbers)} | growth | plain | others |")
        print("| --- |" + " --- |" * (len(numbers) + 3))
        rows = {
            name: measure(
                name,
                numbers,
                cap_s=arguments.cap_s,
                other_cap_s=arguments.other_cap_s,
                others=others,
            )
            for name in names
        }
    ratios = [row["plain"] for row in rows.values() if row["plain"]]
    report: dict[str, Any] = {
        "ratio": round(statistics.median(ratios), 2) if ratios else None,
        "worst_growth": max(
            (row["growth"] for row in rows.values() if row["growth"]), default=None
        ),
        "parts": rows,
    }
    if arguments.data:
        report["roads"] = check_roads(arguments.data)
    print(json.dumps(report))


def all_parts() -> list[Any]:
    return list_parts("postprocess")


def measure(
    name: str, numbers: list[int], *, cap_s: float, other_cap_s: float, others: Others | None
) -> dict[str, Any]:
    """Seconds, growth and ratios of one part, printed as a row of the table."""
    node = load_part("postprocess", name)
    if "taxonomy" in node:
        node["taxonomy"] = {"classes": ["thing/house", "thing/hut"], "level": 2}
    part = config.build(node, where=name)
    takes, _ = shapes_of(part, where=name)
    write_layers(max(numbers))
    ours: Way = partial(time_of, part)
    seconds = {"ours": timed(ours, takes, numbers, cap_s=cap_s)}
    if name in PLAIN:
        way: Way = partial(time_of, lambda objects: PLAIN[name](objects, node))
        seconds["plain"] = timed(way, takes, numbers, cap_s=other_cap_s)
    if others:
        for library in OTHERS.get(name, ()):
            way = partial(others.time_of, library, name, node)
            seconds[library] = timed(way, takes, numbers, cap_s=other_cap_s)
    growth = growth_of(numbers, seconds["ours"])
    ratios = {way: ratio_of(seconds[way], seconds["ours"]) for way in seconds if way != "ours"}
    plain = ratios.pop("plain", None)
    cells = [" | ".join(shown(value) for value in padded(seconds["ours"], len(numbers)))]
    cells += ["" if growth is None else f"{growth:.2f}", "" if plain is None else f"{plain:.1f}"]
    cells += [", ".join(f"{way} {said(value)}" for way, value in ratios.items())]
    print(f"| `{name}` | {' | '.join(cells)} |", flush=True)
    return {"seconds": seconds, "growth": growth, "plain": plain, "others": ratios}


def timed(way: Way, takes: str, numbers: list[int], *, cap_s: float) -> list[float]:
    """Seconds at each number, as far as they are bearable and the memory lasts."""
    found: list[float] = []
    for number in numbers:
        promised = found[-1] * number / numbers[len(found) - 1] if found else 0
        if promised > cap_s:
            break
        try:
            times = 2 if promised < TWICE_S else 1
            found.append(round(way(made(takes, number), times=times), 4))
        except MemoryError:
            break
    return found


def padded(values: list[float], count: int) -> list[float | None]:
    return [*values, *[None] * (count - len(values))]


def shown(seconds: float | None) -> str:
    return "capped" if seconds is None else f"{seconds:.3f}"


def said(ratio: float | None) -> str:
    return "fails" if ratio is None else f"{ratio:.1f}"


def growth_of(numbers: list[int], seconds: list[float]) -> float | None:
    """Exponent of n log n of the line through all that took long enough to say something."""
    points = [
        (math.log(n * math.log(n)), math.log(value))
        for n, value in zip(numbers, seconds, strict=False)
        if value >= LEAST_S
    ]
    return (
        round(float(np.polyfit(*zip(*points, strict=True), 1)[0]), 2) if len(points) > 1 else None
    )


def ratio_of(theirs: list[float], ours: list[float]) -> float | None:
    """At the largest number that both did."""
    both = min(len(theirs), len(ours))
    return round(theirs[both - 1] / ours[both - 1], 2) if both else None


def time_of(work: Callable[[Any], Any], given: Any, *, times: int = 1) -> float:
    best = math.inf
    for _ in range(times):
        fresh = given.copy() if isinstance(given, GeoDataFrame) else given
        start = resource.getrusage(resource.RUSAGE_SELF)
        work(fresh)
        stop = resource.getrusage(resource.RUSAGE_SELF)
        best = min(best, stop.ru_utime + stop.ru_stime - start.ru_utime - start.ru_stime)
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
