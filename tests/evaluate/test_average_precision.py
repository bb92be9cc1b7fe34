"""Average precision against pycocotools, and against cases worked by hand."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
import shapely
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from factory_core.evaluate.average_precision import average_precision, precision_recall
from factory_core.evaluate.matching import compare
from factory_core.evaluate.plots import confusion_counts
from tests.evaluate.conftest import CLASSES, LEFT, TOP, make_scene, square


def random_scenes(*, seed: int, count: int, match="box") -> list:
    """Two scenes with `count` labels: detections moved, of another class, false and missing."""
    draw = np.random.default_rng(seed)
    scenes = []
    for scene_id in ("a", "b"):
        x, y = draw.uniform(0, 400, (2, count))
        side = draw.uniform(4, 30, count)
        names = draw.choice(CLASSES, count)
        labels = [(n, square(*at)) for n, *at in zip(names, x, y, side, strict=True)]
        moved = np.array([x, y, side]) + draw.normal(0, 2, (3, count))
        said = np.where(draw.random(count) < 0.8, names, draw.choice(CLASSES, count))
        scores = np.round(draw.random(count), 2)  # with ties
        detections = [
            (n, s, square(a, b, max(c, 1)))
            for n, s, a, b, c in zip(said, scores, *moved, strict=True)
            if draw.random() < 0.9
        ]
        scenes.append(make_scene(labels, detections, scene_id=scene_id))
    return [compare(scene, match=match, iou=0.5) for scene in scenes]


def by_pycocotools(comparisons) -> dict[str, np.ndarray]:
    images, labels, detections = [], [], []
    for image, comparison in enumerate(comparisons, start=1):
        images.append({"id": image})
        for frame, rows in (
            (comparison.scene.labels, labels),
            (comparison.scene.detections, detections),
        ):
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
    with redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": images,
            "annotations": labels,
            "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(detections), "bbox")
        evaluation.params.maxDets = [len(detections)]
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, 0]
    return {name: precision[:, :, index].mean(axis=1) for index, name in enumerate(CLASSES)}


@pytest.mark.parametrize("match", ["box", "polygon"])
@pytest.mark.parametrize(("seed", "count"), [(0, 5), (1, 60), (2, 300)])
def test_equals_pycocotools(seed, count, match):
    comparisons = random_scenes(seed=seed, count=count, match=match)
    expected = by_pycocotools(comparisons)
    found = average_precision(comparisons, classes=CLASSES)
    for name in CLASSES:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_counts_every_detection_of_a_scene():
    """150 labels, all found: COCO's limit of 100 would stop at a recall of 2 / 3."""
    labels = [("house", square(12 * (i % 20), 12 * (i // 20))) for i in range(150)]
    scene = make_scene(labels, [(name, 0.9, shape) for name, shape in labels])
    found = average_precision([compare(scene, match="box", iou=0.5)], classes=CLASSES)
    assert found["house"].tolist() == [1.0] * 10


@pytest.mark.parametrize("match", ["box", "polygon"])
@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([], [], None, id="nothing"),
        pytest.param([], [("house", 0.5, square(0, 0))], None, id="no labels"),
        pytest.param([("house", square(0, 0))], [], 0.0, id="no detections"),
        pytest.param([("house", square(0, 0))], [("house", 0.1, square(0, 0))], 1.0, id="perfect"),
        # Right at rank 2 of 2: precision 1/2 at every recall.
        pytest.param(
            [("house", square(0, 0))],
            [("house", 0.1, square(0, 0)), ("house", 0.9, square(50, 50))],
            0.5,
            id="a false one first",
        ),
    ],
)
def test_hand_worked_cases(match, labels, detections, expected):
    comparison = compare(make_scene(labels, detections), match=match, iou=0.5)
    found = average_precision([comparison], classes=CLASSES)
    assert found["road"] is None
    if expected is None:
        assert found["house"] is None
    else:
        assert found["house"].tolist() == pytest.approx([expected] * 10)


def test_the_curve_has_the_average_precision_as_its_mean():
    comparisons = random_scenes(seed=3, count=80)
    points = precision_recall(comparisons, label="house")
    expected = average_precision(comparisons, classes=CLASSES)["house"][0]
    assert sum(precision for _, precision in points) / 101 == pytest.approx(expected)
    assert [recall for recall, _ in points] == pytest.approx(np.arange(len(points)) / 100)


def test_confusion_equals_hotcoco():
    import hotcoco

    comparisons = random_scenes(seed=4, count=100)
    columns = {"labels": [], "detections": []}
    for image, comparison in enumerate(comparisons, start=1):
        for side, rows in columns.items():
            frame = getattr(comparison.scene, side)
            bounds = shapely.bounds(frame.geometry.to_numpy()) - [LEFT, TOP, LEFT, TOP]
            bounds[:, 2:] -= bounds[:, :2]
            kinds = [CLASSES.index(name) + 1 for name in frame["label"]]
            scores = frame["score"] if "score" in frame else np.ones(len(frame))
            rows.append(np.column_stack([np.full(len(frame), image), bounds, scores, kinds]))
    labels, detections = (np.concatenate(rows) for rows in columns.values())
    truth = hotcoco.COCO.from_arrays(
        [{"id": 1}, {"id": 2}],
        [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
        labels[:, 0].astype(int),
        labels[:, 6].astype(int),
        labels[:, 1:5],
    )
    evaluation = hotcoco.COCOeval(truth, truth.load_res(detections), "bbox")
    expected = evaluation.confusion_matrix(iou_thr=0.5, max_det=len(detections))["matrix"]
    assert confusion_counts(comparisons, classes=CLASSES).tolist() == expected.tolist()
