"""Why detections are wrong: the kinds of error of TIDE, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.ranking import Ranking, rankings
from factory_core.evaluate.matching import Overlaps
from factory_core.evaluate.metric import Metric, Number, Quantity, mean_where_known
from factory_core.evaluate.objects import NONE, Objects
from factory_core.evaluate.results import Results
from factory_core.kernel.limits import check_within

KINDS = {
    "class": ("class wrong", "a label of another class lies there"),
    "location": ("place inexact", "a label of its class overlaps too little"),
    "both": ("class wrong and place inexact", "a label of another class overlaps too little"),
    "duplicate": ("found twice", "its label was taken by a higher score"),
    "background": ("nothing there", "no label lies there"),
    "missed": ("not found", "no detection was near a label"),
}


@dataclass(frozen=True)
class Tide(Metric):
    """Errors by kind: how many, and the gain of AP50 if each kind were mended alone.

    Class and location errors are mended into right detections, one a label, the others are
    dropped; missed labels are no longer asked for.

    Args:
        background_iou: A detection that overlaps labels by no more is on background.

    Source: Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors (2020).
    """

    background_iou: float = 0.1

    group: ClassVar = "Kinds of error"
    gives: ClassVar = {
        f"tide_{kind}": Quantity(f"AP50 lost: {words}", f"AP50 lost where {meaning}", 0.0)
        for kind, (words, meaning) in KINDS.items()
    } | {
        f"tide_{kind}_errors": Quantity(f"Errors: {words}", f"how often {meaning}", 0.0)
        for kind, (words, meaning) in KINDS.items()
    }

    def __post_init__(self) -> None:
        """Refuse an overlap above that of a match."""
        check_within(0, 0.5, background_iou=self.background_iou)

    def __call__(self, results: Results) -> Tally:
        """Name the error of each wrong detection and missed label."""
        errors = find_errors(results, background_iou=self.background_iou)
        scenes = len(results.scenes)
        return Tally(
            base=list(rankings(results, results.taxonomy.level, right=errors.right[None])),
            mended={kind: list(mend(results, errors, kind)) for kind in KINDS},
            counts=np.column_stack(
                [
                    np.bincount(side.scene[rows], minlength=scenes)
                    for side, rows in errors.rows(results)
                ]
            ),
        )


@dataclass(frozen=True)
class Tally:
    """The tally of `Tide`.

    Attributes:
        base: One ranking a class as the detections are.
        mended: Kind -> the same with that kind of error mended.
        counts: `(scene, kind)` errors.
    """

    base: list[Ranking]
    mended: dict[str, list[Ranking]]
    counts: np.ndarray

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """As `metric.Tally`."""
        labels = np.sum([weights @ ranking.labels[0] for ranking in self.base], axis=0)
        base = _mean(self.base, weights)
        counts = weights @ self.counts
        costs = {
            f"tide_{kind}": Number(np.maximum(_mean(classes, weights) - base, 0), labels)
            for kind, classes in self.mended.items()
        }
        return costs | {
            f"tide_{kind}_errors": Number(counts[:, at]) for at, kind in enumerate(KINDS)
        }


def _mean(classes: list[Ranking], weights: np.ndarray) -> np.ndarray:
    return mean_where_known(np.stack([ranking(weights)[0][:, 0] for ranking in classes]), axis=0)


@dataclass(frozen=True)
class Errors:
    """What is wrong with the detections of a split, and what would mend it.

    Attributes:
        right: `(detection,)` whether it is right at an overlap of 0.5.
        kind: `(detection,)` place in `KINDS`, -1 for right ones.
        mends: `(detection,)` row of the label that it would find if mended, -1: none.
        missed: `(label,)` whether nothing found it, nor would, mended.
    """

    right: np.ndarray
    kind: np.ndarray
    mends: np.ndarray
    missed: np.ndarray

    def rows(self, results: Results) -> Iterator[tuple[Objects, np.ndarray]]:
        """For each kind the table and the rows in it that are such errors."""
        for at, kind in enumerate(KINDS):
            if kind == "missed":
                yield results.labels, np.flatnonzero(self.missed)
            else:
                yield results.detections, np.flatnonzero(self.kind == at)


def find_errors(results: Results, *, background_iou: float) -> Errors:
    """Name the error of every detection that is wrong, in the order of TIDE."""
    level, detections, labels = results.taxonomy.level, results.detections, results.labels
    said, true = results.detection_kind(level), results.label_kind(level)
    label_of = results.matched(level, 0.5)[0]
    right, fine = label_of != NONE, said != NONE
    used = np.zeros(len(labels), bool)
    used[label_of[right]] = True
    pairs = results.overlaps
    pairs = pairs.where(fine[pairs.detection] & (true[pairs.label] != NONE))
    same = said[pairs.detection] == true[pairs.label]
    own, own_label = _best(pairs.where(same), count=len(detections))
    other, other_label = _best(pairs.where(~same), count=len(detections))
    taken, _ = _best(pairs.where(same & used[pairs.label]), count=len(detections))
    tests = {
        "location": (background_iou <= own) & (own <= 0.5) & (own > 0),
        "class": other >= 0.5,
        "duplicate": taken >= 0.5,
        "background": np.maximum(own, other) <= background_iou,
        "both": np.ones(len(detections), bool),
    }
    kind, names = np.full(len(detections), NONE), list(KINDS)
    for name, holds in tests.items():
        kind[holds & (kind == NONE) & fine & ~right] = names.index(name)
    wants = np.where(kind == names.index("class"), other_label, own_label)
    wants[~np.isin(kind, [names.index("class"), names.index("location")])] = NONE
    wants[(wants != NONE) & np.append(used, False)[wants]] = NONE
    mends = np.full(len(detections), NONE)
    ranked = detections.ranks[wants[detections.ranks] != NONE]
    _, first = np.unique(wants[ranked], return_index=True)
    mends[ranked[first]] = wants[ranked[first]]
    missed = (true != NONE) & ~used
    missed[wants[wants != NONE]] = False
    return Errors(right, kind, mends, missed)


def _best(pairs: Overlaps, *, count: int) -> tuple[np.ndarray, np.ndarray]:
    """For each detection its largest overlap, and the row of that label; 0 and -1 without any."""
    order = np.lexsort([pairs.label, -pairs.iou, pairs.detection])
    rows, first = np.unique(pairs.detection[order], return_index=True)
    iou, label = np.zeros(count), np.full(count, NONE)
    iou[rows], label[rows] = pairs.iou[order][first], pairs.label[order][first]
    return iou, label


def mend(results: Results, errors: Errors, kind: str) -> Iterator[Ranking]:
    """One ranking a class with all errors of `kind` mended."""
    level = results.taxonomy.level
    if kind == "missed":
        yield from rankings(results, level, right=errors.right[None], labelled=~errors.missed)
        return
    wrong = errors.kind == list(KINDS).index(kind)
    mended = wrong & (errors.mends != NONE)
    said = results.detection_kind(level).copy()
    said[wrong & ~mended] = NONE
    said[mended] = results.label_kind(level)[errors.mends[mended]]
    yield from rankings(results, level, right=(errors.right | mended)[None], said=said)
