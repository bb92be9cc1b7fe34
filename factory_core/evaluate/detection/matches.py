"""Found, missed and false at the running point, and the ratios that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results


@dataclass(frozen=True)
class Matches(Metric):
    """Precision, recall and F1 of the detections as they are, with what they are counted from.

    All classes are pooled; by class, and by each level of the taxonomy above that of training.
    A ratio without anything to divide by is null: precision without detections, recall
    without labels, F1 without either.

    Source: van Rijsbergen, Information Retrieval (1979), chapter 7.
    """

    group: ClassVar = "Objects found"
    gives: ClassVar = {
        "f1": Quantity("F1", "harmonic mean of precision and recall"),
        "precision": Quantity("Precision", "share of the detections that are right"),
        "recall": Quantity("Recall", "share of the labels that were found"),
        "labels": Quantity("Labels", "objects to be found", None),
        "detections": Quantity("Detections", "objects detected", None),
        "found": Quantity("Found", "labels that a detection matched", None),
        "missed": Quantity("Missed", "labels that none matched", 0.0),
        "false": Quantity("False", "detections that matched no label", 0.0),
    }

    def __call__(self, results: Results) -> Sums:
        """Count at the level of training by class, and above it all classes together."""
        taxonomy = results.taxonomy
        levels = range(1, taxonomy.level)
        columns = [count_by_class(results, taxonomy.level, iou=results.iou)]
        for level in levels:
            of_level = count_by_class(results, level, iou=results.iou)
            columns.append(of_level.sum(axis=1, keepdims=True))
        names = ["", *(f"by_class/{name}/" for name in taxonomy.names)]
        names += [f"by_level/{level}/" for level in levels]
        columns.insert(0, columns[0].sum(axis=1, keepdims=True))
        by_scene = np.concatenate(columns, axis=1)
        return Sums(by_scene.reshape(len(by_scene), -1), partial(all_ratios, prefixes=names))


def count_by_class(results: Results, level: int, *, iou: float) -> np.ndarray:
    """Outcomes of each scene and class of a level.

    Returns:
        `(scene, class, 3)`: labels found, labels missed, false detections.
    """
    label_of = results.matched(level, iou)[0]
    labels, detections = results.labels, results.detections
    found = np.zeros(len(labels), bool)
    found[label_of[label_of != NONE]] = True
    shape = (len(results.scenes), len(results.taxonomy.names_at(level)))
    true, said = results.label_kind(level), results.detection_kind(level)
    return np.stack(
        [
            count_in(labels.scene, true, where=found, shape=shape),
            count_in(labels.scene, true, where=~found, shape=shape),
            count_in(detections.scene, said, where=label_of == NONE, shape=shape),
        ],
        axis=-1,
    )


def count_in(
    scene: np.ndarray, kind: np.ndarray, *, where: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """How many rows there are of each scene and kind; those of kind -1 count nowhere.

    Args:
        scene: `(row,)`.
        kind: `(row,)`.
        where: `(row,)` which rows count.
        shape: Number of scenes and of kinds.
    """
    rows = where & (kind != NONE)
    return np.bincount(scene[rows] * shape[1] + kind[rows], minlength=shape[0] * shape[1]).reshape(
        shape
    )


def all_ratios(sums: np.ndarray, *, prefixes: Sequence[str]) -> dict[str, Number]:
    """`ratios` of each of several groups, whose counts `(draw, 3 * group)` stand side by side."""
    counts = sums.reshape(len(sums), len(prefixes), 3)
    return {
        name: number
        for at, prefix in enumerate(prefixes)
        for name, number in ratios(counts[:, at], prefix=prefix)
    }


def ratios(counts: np.ndarray, *, prefix: str = "") -> Iterator[tuple[str, Number]]:
    """Precision, recall, F1 and the counts themselves, of `(draw, 3)` found, missed and false."""
    found, missed, false = counts.T
    labels, detections = found + missed, found + false
    yield f"{prefix}f1", Number(ratio(2 * found, labels + detections), labels)
    yield f"{prefix}precision", Number(ratio(found, detections), detections)
    yield f"{prefix}recall", Number(ratio(found, labels), labels)
    yield f"{prefix}labels", Number(labels)
    yield f"{prefix}detections", Number(detections)
    yield f"{prefix}found", Number(found)
    yield f"{prefix}missed", Number(missed)
    yield f"{prefix}false", Number(false)
