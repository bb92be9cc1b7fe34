"""Precision and recall of lines that may lie a little beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import shapely

from factory_core.evaluate.lines.lengths import length_along
from factory_core.evaluate.metric import Metric, Number, Quantity, Reads, Sums, ratio
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene


@dataclass(frozen=True)
class RelaxedLines(Metric):
    """Precision, recall, F1 and quality of lines by their length, and the error of the length.

    A metre of a detection is right when a label of its class lies within
    `evaluate.buffer_m`, a metre of a label is found when a detection of its class does. All
    classes are pooled; by class too.

    Source: Wiedemann, Heipke, Mayer and Jamet, Empirical Evaluation of Automatically Extracted
    Road Axes (1998): correctness, completeness and quality; called relaxed precision and recall
    by Mnih and Hinton, Learning to Detect Roads in High-Resolution Aerial Images (2010),
    https://doi.org/10.1007/978-3-642-15567-3_16, who count pixels instead of metres.
    """

    group: ClassVar = "Length of lines"
    gives: ClassVar = {
        "relaxed_f1": Quantity("Relaxed F1", "harmonic mean of relaxed precision and recall"),
        "relaxed_precision": Quantity(
            "Relaxed precision", "share of the detected length that lies beside a label"
        ),
        "relaxed_recall": Quantity(
            "Relaxed recall", "share of the labelled length that lies beside a detection"
        ),
        "relaxed_quality": Quantity(
            "Quality", "right length over right, false and missed length together"
        ),
        "length_error": Quantity(
            "Length error", "detected length less labelled length, over labelled length", None
        ),
        "labelled_m": Quantity("Labelled metres", "length of the labels", None),
        "detected_m": Quantity("Detected metres", "length of the detections", None),
    }
    reads: ClassVar[Reads] = "lines"

    def __call__(self, results: Results) -> Sums:
        """Measure the lines of each scene and class."""
        names = results.taxonomy.names
        measure = partial(_lengths, classes=names, within_m=results.buffer_m)
        rows = results.compute.map(measure, list(results.scenes), label="evaluate: lengths")

        def numbers(sums: np.ndarray) -> dict[str, Number]:
            metres = sums.reshape(len(sums), len(names), 4)
            named = dict(_numbers(metres.sum(axis=1)))
            for at, name in enumerate(names):
                named |= _numbers(metres[:, at], prefix=f"by_class/{name}/")
            return named

        return Sums(np.array(rows, float).reshape(len(rows), -1), numbers)


def _lengths(scene: Scene, *, classes: tuple[str, ...], within_m: float) -> np.ndarray:
    """`(class, 4)` metres of detections, of them right; of labels, of them found."""
    found = np.zeros((len(classes), 4))
    for at, name in enumerate(classes):
        said, true = (
            frame.geometry[frame["label"] == name].to_numpy()
            for frame in (scene.detections, scene.labels)
        )
        found[at] = (
            shapely.length(said).sum(),
            length_along(said, true, within_m=within_m).sum(),
            shapely.length(true).sum(),
            length_along(true, said, within_m=within_m).sum(),
        )
    return found


def _numbers(metres: np.ndarray, *, prefix: str = "") -> Iterator[tuple[str, Number]]:
    """The numbers of `RelaxedLines`, of `(draw, 4)` metres."""
    detected, right, labelled, found = metres.T
    precision, recall = ratio(right, detected), ratio(found, labelled)
    # Without either side the other is all wrong: F1 is 0 and not unknown.
    both = np.nan_to_num(precision) + np.nan_to_num(recall)
    f1 = ratio(2 * np.nan_to_num(precision) * np.nan_to_num(recall), both)
    f1 = np.where((both == 0) & (detected + labelled > 0), 0.0, f1)
    yield f"{prefix}relaxed_f1", Number(f1, labelled)
    yield f"{prefix}relaxed_precision", Number(precision, detected)
    yield f"{prefix}relaxed_recall", Number(recall, labelled)
    quality = ratio(right, detected + labelled - found)
    yield f"{prefix}relaxed_quality", Number(quality, labelled)
    yield f"{prefix}length_error", Number(ratio(detected - labelled, labelled), labelled)
    yield f"{prefix}labelled_m", Number(labelled)
    yield f"{prefix}detected_m", Number(detected)
