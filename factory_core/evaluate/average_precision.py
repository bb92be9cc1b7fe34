"""Average precision and the curve under it, by hotcoco, without a limit of detections a scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

from factory_core.evaluate.matching import NONE, Comparison, Match, match_greedily, same_class

IOUS = np.linspace(0.5, 0.95, 10)


def average_precision(
    comparisons: Sequence[Comparison], *, classes: Sequence[str], match: Match
) -> dict[str, np.ndarray | None]:
    """Average precision of each class at the overlaps of COCO, 0.50 to 0.95 by 0.05.

    All detections of a scene count: COCO's limit of 100 an image, which would silently
    drop most of a large scene, is lifted.

    Args:
        comparisons: Scenes in a fixed order.
        classes: Names at the level of training.
        match: `box` is COCO's own evaluation (hotcoco, equal to pycocotools); `polygon`
            gives hotcoco's average precision the matches of exact polygons.

    Returns:
        `(10,)` a class, or None where it has no label.

    Source: Lin et al., Microsoft COCO (2014), and https://cocodataset.org/#detection-eval:
    precision interpolated at 101 recalls.
    """
    values = _of_boxes if match == "box" else _of_polygons
    labelled = {label for c in comparisons for label in c.scene.labels["label"]}
    found = values(comparisons, classes=classes)
    return {name: found[name] if name in labelled else None for name in classes}


def _of_boxes(
    comparisons: Sequence[Comparison], *, classes: Sequence[str]
) -> dict[str, np.ndarray]:
    from hotcoco import COCO, COCOeval

    number = {name: index for index, name in enumerate(classes, start=1)}
    images, boxes, kinds, found = [], [], [], []
    for image, comparison in enumerate(comparisons, start=1):
        scene = comparison.scene
        origin = np.array([scene.geobox.affine.c, scene.geobox.affine.f])
        images.append(np.full(len(scene.labels), image))
        boxes.append(_xywh(scene.labels.geometry.to_numpy(), origin=origin))
        kinds.append(scene.labels["label"].map(number).to_numpy(int))
        found.append(
            np.column_stack(
                [
                    np.full(len(scene.detections), image),
                    _xywh(scene.detections.geometry.to_numpy(), origin=origin),
                    scene.detections["score"].to_numpy(float),
                    scene.detections["label"].map(number).to_numpy(float),
                ]
            )
        )
    truth = COCO.from_arrays(
        [{"id": image, "width": 0, "height": 0} for image in range(1, len(comparisons) + 1)],
        [{"id": index, "name": name} for name, index in number.items()],
        np.concatenate(images),
        np.concatenate(kinds),
        np.concatenate(boxes),
    )
    evaluation = COCOeval(truth, truth.load_res(np.concatenate(found)), "bbox")
    evaluation.params.iou_thrs = IOUS.tolist()
    evaluation.params.max_dets = [max(1, *map(len, found))]
    evaluation.params.area_rng = [[0.0, np.inf]]
    evaluation.params.area_rng_lbl = ["all"]
    evaluation.evaluate()
    evaluation.accumulate()
    accumulated: Any = evaluation.eval
    precision = np.asarray(accumulated["precision"])  # (iou, recall, class, size, limit)
    return {name: precision[:, :, index, 0, 0].mean(axis=1) for index, name in enumerate(classes)}


def _xywh(geometries: np.ndarray, *, origin: np.ndarray) -> np.ndarray:
    bounds = shapely.bounds(geometries).reshape(-1, 4)
    return np.column_stack([bounds[:, :2] - origin, bounds[:, 2:] - bounds[:, :2]])


def _of_polygons(
    comparisons: Sequence[Comparison], *, classes: Sequence[str]
) -> dict[str, np.ndarray]:
    from hotcoco import metrics

    values = {name: np.zeros(len(IOUS)) for name in classes}
    for at, iou in enumerate(IOUS):
        label_of = [
            match_greedily(
                same_class(c.overlaps, scene=c.scene), iou=iou, count=len(c.scene.detections)
            )
            for c in comparisons
        ]
        for name in classes:
            scores, right, labels = ranked(comparisons, label_of, label=name)
            values[name][at] = metrics.average_precision(scores, right, num_gt=labels)
    return values


def precision_recall(comparisons: Sequence[Comparison], *, label: str) -> list[tuple[float, float]]:
    """Precision at up to 101 recalls of one class, the curve that average precision is the mean of.

    Returns:
        Pairs of recall and interpolated precision, as far as the detections reach;
        none without labels or detections.

    Source: as `average_precision`.
    """
    from hotcoco import metrics

    _, right, labels = ranked(comparisons, [c.label_of for c in comparisons], label=label)
    if not labels or not len(right):
        return []
    _, points = metrics.precision_recall_curve(
        np.cumsum(right).tolist(), np.cumsum(~right).tolist(), num_gt=labels
    )
    return [(at / 100, precision) for at, precision, _ in points]


def ranked(
    comparisons: Sequence[Comparison], label_of: Sequence[np.ndarray], *, label: str
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores of a class from high to low, whether each is right, and its number of labels."""
    scores, right, labels = [np.empty(0)], [np.empty(0, bool)], 0
    for comparison, matched in zip(comparisons, label_of, strict=True):
        of_class = (comparison.scene.detections["label"] == label).to_numpy()
        scores.append(comparison.scene.detections["score"].to_numpy()[of_class])
        right.append(matched[of_class] != NONE)
        labels += int((comparison.scene.labels["label"] == label).sum())
    pooled = np.concatenate(scores)
    order = np.argsort(-pooled, kind="stable")
    return pooled[order], np.concatenate(right)[order], labels
