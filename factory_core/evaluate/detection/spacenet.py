"""The score of SpaceNet's building challenges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.matches import count_in
from factory_core.evaluate.matching import match_greedily
from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results, same_kind
from factory_core.kernel.limits import check_at_least, check_within


@dataclass(frozen=True)
class SpaceNetF1(Metric):
    """F1 of footprints, as SpaceNet scores them: outlines that overlap by half, specks left out.

    Outlines are compared whatever `evaluate.match` says. Labels and detections of less than
    `min_area_px` pixels take no part. Detections take their labels in the order of their scores.

    Args:
        iou: Least overlap of a footprint that is right.
        min_area_px: Smallest footprint that counts, in pixels of the scene.

    Source: van Etten, Lindenbaum and Bacastow, SpaceNet: A Remote Sensing Dataset and Challenge
    Series (2018), section 4.1, https://arxiv.org/abs/1807.01232; the smallest area of 20 pixels
    as in `eval_iou_spacenet_csv` of its evaluation code, solaris.
    """

    iou: float = 0.5
    min_area_px: float = 20.0

    group: ClassVar = "Outlines and area"
    gives: ClassVar = {
        "spacenet_f1": Quantity("SpaceNet F1", "F1 of outlines that overlap by half, of 20 px on"),
        "spacenet_precision": Quantity("SpaceNet precision", "the same, of precision"),
        "spacenet_recall": Quantity("SpaceNet recall", "the same, of recall"),
    }

    def __post_init__(self) -> None:
        """Refuse what is no overlap and no area."""
        check_within(0, 1, iou=self.iou)
        check_at_least(0, min_area_px=self.min_area_px)

    def __call__(self, results: Results) -> Sums:
        """Match outlines of at least that size."""
        outlines = results.shared(_by_outline)
        level = results.taxonomy.level
        labels, detections = outlines.labels, outlines.detections
        large = labels.area_px >= self.min_area_px, detections.area_px >= self.min_area_px
        pairs = same_kind(outlines, level)
        label_of = match_greedily(
            pairs.where(large[0][pairs.label] & large[1][pairs.detection]),
            ious=[self.iou],
            detections=len(detections),
        )[0]
        shape = (len(results.scenes), len(results.taxonomy.names))
        true, said = outlines.label_kind(level), outlines.detection_kind(level)
        found = np.isin(np.arange(len(labels)), label_of[label_of != NONE])
        columns = [
            count_in(labels.scene, true, where=found, shape=shape),
            count_in(labels.scene, true, where=large[0], shape=shape),
            count_in(detections.scene, said, where=large[1], shape=shape),
        ]
        return Sums(np.column_stack([column.sum(axis=1) for column in columns]), _numbers)


def _by_outline(results: Results) -> Results:
    return results if results.match == "polygon" else replace(results, match="polygon", _of_all={})


def _numbers(sums: np.ndarray) -> dict[str, Number]:
    found, labels, detections = sums.T
    return {
        "spacenet_f1": Number(ratio(2 * found, labels + detections), labels),
        "spacenet_precision": Number(ratio(found, detections), detections),
        "spacenet_recall": Number(ratio(found, labels), labels),
    }
