"""Panoptic quality: how many segments are found, and how well each is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, mean_where_known, ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results, same_kind

# More than a half: of segments that do not overlap, at most one has so much of a label.
IOU = float(np.nextafter(0.5, 1))


@dataclass(frozen=True)
class PanopticQuality(Metric):
    """Panoptic, segmentation and recognition quality of polygons: PQ = SQ x RQ.

    A detection and a label of its class are a pair where their polygons overlap by more than
    half (intersection over union); detections that lie on each other, which the definition
    rules out, take turns from the highest score. The mean over the classes that have labels
    or detections, and by class. Every polygon is a thing: merge those of what is none
    (`dissolve`) in the labels too.

    Source: Kirillov, He, Girshick, Rother and Dollar, Panoptic Segmentation (2019),
    https://arxiv.org/abs/1801.00868, section 4.
    """

    group: ClassVar = "Outlines and area"
    gives: ClassVar = {
        "pq": Quantity("PQ", "panoptic quality: the overlap of pairs over all segments"),
        "sq": Quantity("SQ", "segmentation quality: mean overlap of what was found"),
        "rq": Quantity("RQ", "recognition quality: F1 of the segments found"),
    }

    def __call__(self, results: Results) -> Sums:
        """Pair the polygons of each scene and class."""
        names = results.taxonomy.names
        if results.match != "polygon":
            results = replace(results, match="polygon", _of_all={})
        sums = _by_scene(results)

        def numbers(drawn: np.ndarray) -> dict[str, Number]:
            by_class = drawn.reshape(len(drawn), len(names), 4)
            overlap, pairs, labels, detections = np.moveaxis(by_class, -1, 0)
            either = (labels + detections) / 2
            qualities = ratio(overlap, either), ratio(overlap, pairs), ratio(pairs, either)
            named = dict(
                _named([mean_where_known(one, axis=1) for one in qualities], labels.sum(axis=1))
            )
            for at, name in enumerate(names):
                prefix = f"by_class/{name}/"
                named |= _named([one[:, at] for one in qualities], labels[:, at], prefix=prefix)
            return named

        return Sums(sums.reshape(len(sums), -1), numbers)


def _by_scene(results: Results) -> np.ndarray:
    """`(scene, class, 4)`: overlap of the pairs, number of pairs, of labels, of detections."""
    level = results.taxonomy.level
    label_of = results.matched(level, IOU)[0]
    pairs = same_kind(results, level)
    pairs = pairs.where(label_of[pairs.detection] == pairs.label)
    labels, detections = results.labels, results.detections
    true, said = results.label_kind(level), results.detection_kind(level)
    columns = [
        (detections.scene[pairs.detection], said[pairs.detection], pairs.iou),
        (detections.scene[pairs.detection], said[pairs.detection], np.ones(len(pairs.iou))),
        (labels.scene, true, (true != NONE).astype(float)),
        (detections.scene, said, (said != NONE).astype(float)),
    ]
    sums = np.zeros((len(results.scenes), len(results.taxonomy.names), len(columns)))
    for at, (scene, kind, amount) in enumerate(columns):
        np.add.at(sums[..., at], (scene, kind), amount)
    return sums


def _named(
    qualities: list[np.ndarray], labels: np.ndarray, *, prefix: str = ""
) -> Iterator[tuple[str, Number]]:
    for name, values in zip(PanopticQuality.gives, qualities, strict=True):
        yield f"{prefix}{name}", Number(values, labels)
