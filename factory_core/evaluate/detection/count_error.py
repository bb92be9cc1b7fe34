"""How far the number of detections is from the number of labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.matches import count_in
from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results


@dataclass(frozen=True)
class CountError(Metric):
    """Error of the count of objects of a scene: the mean over scenes, and as a share of all labels.

    False and missed objects cancel out within a scene: for who wants numbers, not places.

    Source: mean absolute error and bias as in Hsieh, Lin and Hsu, Drone-based Object Counting by
    Spatially Regularized Regional Proposal Network (2017), section 5.
    """

    group: ClassVar = "In operation"
    gives: ClassVar = {
        "count_error": Quantity(
            "Count error", "mean over scenes of detections less labels, without its sign", 0.0
        ),
        "count_bias": Quantity(
            "Count bias",
            "mean over scenes of detections less labels: above 0 counts too many",
            None,
        ),
        "count_error_share": Quantity(
            "Count error, share", "sum of the errors over scenes, over the number of labels", 0.0
        ),
    }

    def __call__(self, results: Results) -> Sums:
        """Count labels and detections of each scene and class."""
        level, names = results.taxonomy.level, results.taxonomy.names
        shape = (len(results.scenes), len(names))
        sides = (
            (results.labels.scene, results.label_kind(level)),
            (results.detections.scene, results.detection_kind(level)),
        )
        labels, detections = (
            count_in(scene, kind, where=kind != NONE, shape=shape) for scene, kind in sides
        )
        # The classes, and before them all together: their errors may cancel out too.
        labels, detections = (
            np.column_stack([side.sum(axis=1), side]) for side in (labels, detections)
        )
        bias = detections - labels
        columns = np.stack([np.abs(bias), bias, labels, np.ones_like(labels)], axis=-1)
        prefixes = ("", *(f"by_class/{name}/" for name in names))
        return Sums(columns.reshape(len(columns), -1), partial(_numbers, prefixes=prefixes))


def _numbers(sums: np.ndarray, *, prefixes: tuple[str, ...]) -> dict[str, Number]:
    named = {}
    for prefix, (error, bias, labels, scenes) in zip(
        prefixes, np.moveaxis(sums.reshape(len(sums), -1, 4), 0, -1), strict=True
    ):
        named[f"{prefix}count_error"] = Number(ratio(error, scenes))
        named[f"{prefix}count_bias"] = Number(ratio(bias, scenes))
        named[f"{prefix}count_error_share"] = Number(ratio(error, labels), labels)
    return named
