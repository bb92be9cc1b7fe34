"""Average precision from tables of detections: equal to pycocotools, and how much faster.

    python benchmarks/evaluate.py                    # 100,000 detections on 100 scenes, 5 classes
    python benchmarks/evaluate.py --detections 20000 --scenes 20

Both sides compute AP at COCO's ten overlaps and AR for each class, without a limit of detections,
first of objects of all sizes, then of COCO's four ranges of them. pycocotools and hotcoco start
from the lists and arrays that they take, we from a GeoDataFrame a scene; making those is not timed,
nor is the import. Seconds are of CPU on one core, system calls included. `points` is what a search
of running points pays for one more: new detections, matched and counted on 5 scenes, with labels
that are known. `intervals` are those of every number, from 1,000 draws.

The last line is one JSON object; its `ratio` is pycocotools over ours for all sizes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", RAYON_NUM_THREADS="1")

import geopandas as gpd
import hotcoco
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from factory_core.evaluate.detection.average_precision import AveragePrecision
from factory_core.evaluate.detection.by_size import BySize
from factory_core.evaluate.detection.matches import Matches
from factory_core.evaluate.metric import Metric, draw_weights
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene, in_fixed_order
from factory_core.kernel.geo import footprint
from factory_core.kernel.taxonomy import Taxonomy

CRS = "EPSG:32633"
CLASSES = ("car", "lorry", "bus", "aircraft", "ship")
SIDE_M = 2000.0
RANGES = {
    "all sizes": [(0, 1e10)],
    "4 ranges of sizes": [(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)],
}
EXACT = 1e-6


def main() -> None:
    """Print the table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detections", type=int, default=100_000)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    arrays = make(given.detections // given.scenes, scenes=given.scenes)
    frames = [tuple(map(frame, sides)) for sides in arrays]
    print(f"{given.detections:,} detections, {given.scenes} scenes, {len(CLASSES)} classes\n")
    print("| | pycocotools | hotcoco | here | over pycocotools | over hotcoco | apart by |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    ratios = {}
    for name, ranges in RANGES.items():
        metrics = [AveragePrecision()] + ([BySize(edges_m2=())] if len(ranges) > 1 else [])
        ours_s, ours = timed(lambda metrics=metrics: measure(frames, metrics))
        theirs_s, theirs = by_pycocotools(arrays, ranges)
        hot_s = by_hotcoco(arrays, ranges)
        apart = max(abs(ours[key] - theirs[key]) for key in theirs)
        if apart > EXACT:
            raise SystemExit(f"{name}: {apart:g} apart from pycocotools, more than {EXACT:g}.")
        ratios[name] = theirs_s / ours_s
        print(
            f"| {name} | {theirs_s:.1f} s | {hot_s:.2f} s | {ours_s:.2f} s | {ratios[name]:.0f} x "
            f"| {hot_s / ours_s:.2f} x | {apart:.0e} |",
            flush=True,
        )
    whole = results(frames)
    tally = AveragePrecision()(whole)
    intervals_s, _ = timed(lambda: tally(draw_weights(given.scenes, draws=given.draws, seed=0)))
    points_s = point_seconds(frames[:5])
    print(f"\n{given.draws:,} draws of every number above: {intervals_s:.1f} s")
    objects = sum(len(detections) for _, detections in frames[:5])
    print(f"F1 of one more running point, {objects:,} detections: {1000 * points_s:.0f} ms")
    print(json.dumps({"ratio": ratios["all sizes"], "intervals_s": intervals_s}))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, the better of two runs, and what it gives."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def make(count: int, *, scenes: int) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Labels and detections of each scene: most moved a little, some false, some missing."""
    made = []
    for seed in range(scenes):
        draw = np.random.default_rng(seed)
        corner = draw.uniform(0, SIDE_M - 150, (count, 2))
        size = np.exp(draw.uniform(np.log(8), np.log(140), (count, 2)))
        kind = draw.integers(0, len(CLASSES), count)
        moved = np.concatenate([corner, size], axis=1) + draw.normal(0, 0.06, (count, 4)) * np.tile(
            size, 2
        )
        false = draw.random(count) < 0.2
        moved[false, :2] = draw.uniform(0, SIDE_M - 150, (false.sum(), 2))
        made.append(
            (
                {"box": np.concatenate([corner, size], axis=1), "kind": kind},
                {
                    "box": np.maximum(moved, 0.5),
                    "kind": np.where(draw.random(count) < 0.9, kind, 0),
                    "score": draw.random(count) * np.where(false, 0.7, 1),
                },
            )
        )
    return made


def frame(side: dict[str, np.ndarray]) -> gpd.GeoDataFrame:
    """The table of a side; y grows downwards in the lists of COCO, which does not matter here."""
    x, y, width, height = side["box"].T
    columns = {"label": np.array(CLASSES, object)[side["kind"]]}
    if "score" in side:
        columns["score"] = side["score"]
    return gpd.GeoDataFrame(columns, geometry=shapely.box(x, y, x + width, y + height), crs=CRS)


def results(frames: Sequence[tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]]) -> Results:
    """Scenes in memory, their tables in the order that the stage gives them."""
    grid = GeoBox((int(SIDE_M), int(SIDE_M)), Affine(1, 0, 0, 0, -1, SIDE_M), CRS)
    scenes = []
    for at, (labels, detections) in enumerate(frames):
        true, found = in_fixed_order(labels), in_fixed_order(detections)
        scene_id = f"{at:05}"
        scenes.append(
            Scene(
                scene_id=scene_id,
                path=Path(f"{scene_id}.tif"),
                geobox=grid,
                area=footprint(grid),
                named_labels=true,
                named_detections=found,
                labels=true,
                detections=found,
            )
        )
    return Results(scenes, taxonomy=Taxonomy(CLASSES))


def measure(
    frames: Sequence[tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]], metrics: Sequence[Metric]
) -> dict[str, float]:
    """Every number of `metrics`, from the tables."""
    split = results(frames)
    ones = np.ones((1, len(frames)))
    return {
        name: float(number.values[0])
        for metric in metrics
        for name, number in metric(split)(ones).items()
    }


def by_pycocotools(
    arrays: Sequence[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]],
    ranges: Sequence[tuple[float, float]],
) -> tuple[float, dict[str, float]]:
    """CPU seconds, and the numbers by our names."""
    labels, detections = (
        [
            {
                "id": 0,
                "image_id": image + 1,
                "category_id": int(kind) + 1,
                "bbox": box.tolist(),
                "area": float(box[2] * box[3]),
                "iscrowd": 0,
                "score": float(score),
            }
            for image, sides in enumerate(arrays)
            for box, kind, score in zip(
                sides[side]["box"],
                sides[side]["kind"],
                sides[side].get("score", np.ones(len(sides[side]["box"]))),
                strict=True,
            )
        ]
        for side in (0, 1)
    )
    for at, label in enumerate(labels, start=1):
        label["id"] = at
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image + 1} for image in range(len(arrays))],
            "annotations": labels,
            "categories": [{"id": at, "name": name} for at, name in enumerate(CLASSES, start=1)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(detections), "bbox")
        evaluation.params.maxDets = [len(detections)]
        evaluation.params.areaRng = [list(limits) for limits in ranges]
        evaluation.params.areaRngLbl = [str(limits) for limits in ranges]
        evaluation.evaluate()
        evaluation.accumulate()
    seconds = time.process_time() - start
    precision = evaluation.eval["precision"][..., 0].mean(axis=1)
    recall = evaluation.eval["recall"][..., 0]
    prefixes = [
        "",
        *(f"by_size_px/{name}/" for name in ("below_1024", "1024_to_9216", "from_9216")),
    ]
    found = {}
    for at, prefix in enumerate(prefixes[: len(ranges)]):
        found |= {
            f"{prefix}ap50": precision[0, :, at].mean(),
            f"{prefix}ap75": precision[5, :, at].mean(),
            f"{prefix}ap50_95": precision[..., at].mean(),
            f"{prefix}ar": recall[..., at].mean(),
        }
    return seconds, found


def by_hotcoco(
    arrays: Sequence[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]],
    ranges: Sequence[tuple[float, float]],
) -> float:
    """CPU seconds of hotcoco from its arrays, on one thread."""
    boxes, kinds, images = (
        [np.concatenate(columns) for columns in zip(*rows, strict=True)]
        for rows in (
            [(sides[0]["box"], sides[1]["box"]) for sides in arrays],
            [(sides[0]["kind"] + 1, sides[1]["kind"] + 1) for sides in arrays],
            [
                tuple(np.full(len(side["box"]), image) for side in sides)
                for image, sides in enumerate(arrays, start=1)
            ],
        )
    )
    scores = np.concatenate([sides[1]["score"] for sides in arrays])
    found = np.column_stack([images[1], boxes[1], scores, kinds[1]])

    def evaluate() -> None:
        truth = hotcoco.COCO.from_arrays(
            [{"id": image + 1} for image in range(len(arrays))],
            [{"id": at, "name": name} for at, name in enumerate(CLASSES, start=1)],
            images[0].astype(int),
            kinds[0].astype(int),
            boxes[0],
        )
        evaluation = hotcoco.COCOeval(truth, truth.load_res(found), "bbox")
        evaluation.params.max_dets = [len(found)]
        evaluation.params.area_rng = [list(limits) for limits in ranges]
        evaluation.params.area_rng_lbl = [str(limits) for limits in ranges]
        evaluation.evaluate()
        evaluation.accumulate()

    return timed(evaluate)[0]


def point_seconds(frames: Sequence[tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]]) -> float:
    """CPU seconds of new detections on known labels, up to F1."""
    split, ones = results(frames), np.ones((1, len(frames)))
    Matches()(split)(ones)
    new = {scene.scene_id: scene.named_detections for scene in split.scenes}
    return timed(lambda: Matches()(split.detecting(new))(ones))[0]


if __name__ == "__main__":
    main()
