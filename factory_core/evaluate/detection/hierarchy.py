"""Precision and recall that give credit for how far down the taxonomy a class is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.evaluate.matching import match_greedily
from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results


@dataclass(frozen=True)
class Hierarchy(Metric):
    """Hierarchical precision, recall and F1: shares of the classes on the way down from the root.

    A detection is matched to a label whatever their classes. It claims its class and all
    classes above, which the label has in common down to the class where they part: a lorry
    called a bus shares `vehicle`, and a class that is too coarse claims less, and loses
    recall alone. Detections without a label have nothing in common, nor have missed labels.
    Labels count with the class that they name, below the level of training too.

    Source: Kiritchenko, Matwin and Famili, Functional Annotation of Genes Using Hierarchical Text
    Categorization (2005); Silla and Freitas, A Survey of Hierarchical Classification Across
    Different Application Domains (2011), section 5.
    """

    group: ClassVar = "Levels of the taxonomy"
    gives: ClassVar = {
        "hierarchical_f1": Quantity(
            "Hierarchical F1", "harmonic mean of hierarchical precision and recall"
        ),
        "hierarchical_precision": Quantity(
            "Hierarchical precision", "share of the classes claimed, from the root down, that hold"
        ),
        "hierarchical_recall": Quantity(
            "Hierarchical recall", "share of the classes of the labels, from the root down, found"
        ),
    }

    def __call__(self, results: Results) -> Sums:
        """Sum up the classes claimed, true and in common of each scene."""
        labels, detections = results.labels, results.detections
        depths, common = _paths(results)
        label_of = match_greedily(results.overlaps, ious=[results.iou], detections=len(detections))[
            0
        ]
        matched = label_of != NONE
        shared = common[detections.name[matched], labels.name[label_of[matched]]]
        scenes = len(results.scenes)
        columns = [
            np.bincount(scene, weights=weights, minlength=scenes)
            for scene, weights in (
                (detections.scene[matched], shared),
                (detections.scene, depths[detections.name]),
                (labels.scene, depths[labels.name]),
                (labels.scene, np.ones(len(labels))),
                (detections.scene, np.ones(len(detections))),
            )
        ]
        return Sums(np.column_stack(columns), _numbers)


def _paths(results: Results) -> tuple[np.ndarray, np.ndarray]:
    """Depth `(name,)` of each name of the taxonomy, and `(name, name)` how much two share."""
    paths = [set(results.taxonomy.path(name)) for name in results.taxonomy.all_names()]
    depths = np.array([len(path) for path in paths])
    return depths, np.array([[len(one & other) for other in paths] for one in paths])


def _numbers(sums: np.ndarray) -> dict[str, Number]:
    shared, claimed, true, labels, detections = sums.T
    return {
        "hierarchical_f1": Number(ratio(2 * shared, claimed + true), labels),
        "hierarchical_precision": Number(ratio(shared, claimed), detections),
        "hierarchical_recall": Number(ratio(shared, true), labels),
    }
