"""Average precision and the curve under it, by hotcoco, without a limit of detections a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from factory_core.evaluate.matching import NONE, Comparison, match_greedily, same_class

IOUS = np.linspace(0.5, 0.95, 10)


def average_precision(
    comparisons: Sequence[Comparison], *, classes: Sequence[str]
) -> dict[str, np.ndarray | None]:
    """Average precision of each class at the overlaps of COCO, 0.50 to 0.95 by 0.05.

    All detections of a scene count: COCO's limit of 100 an image, which would silently
    drop most of a large scene, is lifted. `COCOeval` itself, hotcoco's and pycocotools',
    holds a matrix of all detections by all labels of an image, 2.3 GB for 12,000 trees on
    one scene; the matches here come from the pairs that touch, and are the same.

    Args:
        comparisons: Scenes in a fixed order; their overlaps say whether boxes or polygons.
        classes: Names at the level of training.

    Returns:
        `(10,)` a class, or None where it has no label.

    Source: Lin et al., Microsoft COCO (2014), and https://cocodataset.org/#detection-eval:
    precision interpolated at 101 recalls.
    """
    from hotcoco import metrics

    values = {name: np.zeros(len(IOUS)) for name in classes}
    pairs = [same_class(c.overlaps, scene=c.scene) for c in comparisons]
    for at, iou in enumerate(IOUS):
        label_of = [
            match_greedily(touching, iou=iou, count=len(c.scene.detections))
            for touching, c in zip(pairs, comparisons, strict=True)
        ]
        for name in classes:
            scores, right, labels = ranked(comparisons, label_of, label=name)
            values[name][at] = metrics.average_precision(scores, right, num_gt=labels)
    labelled = {label for c in comparisons for label in c.scene.labels["label"]}
    return {name: values[name] if name in labelled else None for name in classes}


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
