"""The tables that `dvc plots` draws: precision over recall, and the confusion of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from factory_core.evaluate.comparison import Comparison
from factory_core.evaluate.detection.ranking import rankings
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results

BACKGROUND = "background"


def precision_recall_rows(results: Results) -> list[dict[str, Any]]:
    """One row a point of each class's curve, at the running overlap.

    Precision at up to 101 recalls, the curve that average precision is the mean of. A class
    without labels or detections has the one point without either: recall 0, precision 0.

    Source: as `detection.ranking.Ranking`.
    """
    from hotcoco import metrics

    level, rows = results.taxonomy.level, []
    ranked = rankings(results, level, right=results.matched(level, results.iou) != NONE)
    for name, ranking in zip(results.taxonomy.names, ranked, strict=True):
        right, labels = ranking.right[0], int(ranking.labels.sum())
        points: Sequence[tuple[int, float, float]] = [(0, 0.0, 0.0)]
        if labels and len(right):
            _, points = metrics.precision_recall_curve(
                np.cumsum(right).tolist(), np.cumsum(~right).tolist(), num_gt=labels
            )
        rows += [
            {"recall": at / 100, "precision": round(precision, 6), "label": name}
            for at, precision, _ in points
        ]
    return rows


def confusion_counts(comparisons: Sequence[Comparison], *, classes: Sequence[str]) -> np.ndarray:
    """How often a label of one class was found as another.

    Pairs are matched without regard to class, the highest score first.

    Returns:
        `(class + 1, class + 1)`: rows are labels, columns detections, the last of each is
        background: missed labels stand in its column, false detections in its row.

    Source: the rule of `COCOeval.confusion_matrix` of hotcoco, which knows boxes only.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for comparison in comparisons:
        true = comparison.scene.labels["label"].to_list()
        label_of = comparison.any_label_of.tolist()
        for label, said in zip(label_of, comparison.scene.detections["label"], strict=True):
            counts[BACKGROUND if label == NONE else true[label], said] += 1
        matched = set(label_of)
        counts.update((name, BACKGROUND) for row, name in enumerate(true) if row not in matched)
    names = [*classes, BACKGROUND]
    return np.array([[counts[actual, said] for said in names] for actual in names])


def confusion_rows(counts: np.ndarray, *, classes: Sequence[str]) -> list[dict[str, str]]:
    """One row an object, as the template `confusion` of `dvc plots` counts them."""
    names = [*classes, BACKGROUND]
    return [
        {"actual": actual, "predicted": said}
        for row, actual in enumerate(names)
        for column, said in enumerate(names)
        for _ in range(counts[row, column])
    ]
