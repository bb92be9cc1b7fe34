"""Scenes with random detections, and what pycocotools says of them."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from factory_core.evaluate.metric import Metric
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene, in_fixed_order
from tests.evaluate.conftest import CLASSES, LEFT, TOP, make_scene, square


def random_scenes(*, seed: int, count: int, scenes: int = 2, ties: bool = True) -> list[Scene]:
    """Scenes with `count` labels: detections moved, of another class, twice, false and missing."""
    draw = np.random.default_rng(seed)
    made = []
    for scene_id in "abcdefgh"[:scenes]:
        x, y = draw.uniform(0, 400, (2, count))
        side = draw.uniform(4, 30, count)
        names = draw.choice(CLASSES, count)
        labels = [(n, square(*at)) for n, *at in zip(names, x, y, side, strict=True)]
        again = draw.integers(0, max(count, 1), count + count // 2) if count else np.empty(0, int)
        moved = np.array([x, y, side])[:, again] + draw.normal(0, 2, (3, len(again)))
        said = np.where(
            draw.random(len(again)) < 0.8, names[again], draw.choice(CLASSES, len(again))
        )
        scores = draw.random(len(again))
        detections = [
            (n, s, square(a, b, max(c, 1)))
            for n, s, a, b, c in zip(
                said, np.round(scores, 2) if ties else scores, *moved, strict=True
            )
        ]
        made.append(make_scene(labels, detections, scene_id=scene_id))
    return made


def numbers(metric: Metric, results: Results, weights: object = None) -> dict[str, float]:
    """What a metric gives, with each scene once unless weights say else."""
    if weights is None:
        weights = np.ones(len(results.scenes))
    tally = metric(results)(np.atleast_2d(np.asarray(weights, float)))
    return {name: float(number.values[0]) for name, number in tally.items()}


def by_pycocotools(
    scenes: list[Scene], *, areas: list[tuple[float, float]] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Precision `(overlap, 101, class, area range)` and recall `(overlap, class, area range)`."""
    images, labels, detections = [], [], []
    for image, scene in enumerate(scenes, start=1):
        images.append({"id": image})
        for frame, rows in ((scene.labels, labels), (scene.detections, detections)):
            for row in frame.itertuples():
                x_min, y_min, x_max, y_max = row.geometry.bounds
                size = (x_max - x_min, y_max - y_min)
                rows.append(
                    {
                        "id": len(rows) + 1,
                        "image_id": image,
                        "category_id": CLASSES.index(row.label) + 1,
                        "bbox": [x_min - LEFT, y_min - TOP, *size],
                        "area": size[0] * size[1],
                        "iscrowd": 0,
                        "score": getattr(row, "score", 1.0),
                    }
                )
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": images,
            "annotations": labels,
            "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(detections), "bbox")
        evaluation.params.maxDets = [len(detections)]
        evaluation.params.areaRng = [list(area) for area in areas or [(0, 1e10)]]
        evaluation.params.areaRngLbl = [str(area) for area in evaluation.params.areaRng]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = (evaluation.eval[name][..., 0] for name in ("precision", "recall"))
    return np.where(precision < 0, np.nan, precision), np.where(recall < 0, np.nan, recall)


def shuffled(scene: Scene, *, seed: int) -> Scene:
    """The same scene from tables whose rows stand in another order."""
    draw = np.random.default_rng(seed)
    sides = {}
    for name in ("named_labels", "named_detections", "labels", "detections"):
        frame = getattr(scene, name)
        sides[name] = in_fixed_order(frame.iloc[draw.permutation(len(frame))])
    return Scene(
        scene_id=scene.scene_id, path=scene.path, geobox=scene.geobox, area=scene.area, **sides
    )
