"""Which detection is which label: overlaps of geometries, and pairs of one to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely

from factory_core.evaluate.scenes import Scene

Match = Literal["box", "polygon"]
NONE = -1


@dataclass(frozen=True)
class Overlaps:
    """Every pair of a detection and a label of one scene that touch.

    Attributes:
        detection: `(pair,)` row of the detection.
        label: `(pair,)` row of the label.
        iou: `(pair,)` intersection over union, in [0, 1].
    """

    detection: np.ndarray
    label: np.ndarray
    iou: np.ndarray

    def where(self, chosen: np.ndarray) -> Overlaps:
        """The pairs that `chosen` `(pair,)` is true for."""
        return Overlaps(self.detection[chosen], self.label[chosen], self.iou[chosen])


@dataclass(frozen=True)
class Comparison:
    """One scene, its overlaps, and who is whose.

    Attributes:
        scene: Labels and detections.
        overlaps: Pairs of any classes.
        label_of: `(detection,)` row of the label of the same class, or -1: false.
        any_label_of: `(detection,)` row of the label when classes do not count, or -1.
    """

    scene: Scene
    overlaps: Overlaps
    label_of: np.ndarray
    any_label_of: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """`(label,)` whether a detection of its class matched it."""
        found = np.zeros(len(self.scene.labels), bool)
        found[self.label_of[self.label_of != NONE]] = True
        return found


def compare(scene: Scene, *, match: Match, iou: float) -> Comparison:
    """Match the detections of a scene to its labels.

    Args:
        scene: What was found, and what should have been.
        match: `box` compares axis-aligned envelopes in the CRS of the scene, `polygon` outlines.
        iou: Least intersection over union of a detection that is right.
    """
    pairs = overlaps(
        scene.detections.geometry.to_numpy(), scene.labels.geometry.to_numpy(), match=match
    )
    count = len(scene.detections)
    return Comparison(
        scene=scene,
        overlaps=pairs,
        label_of=match_greedily(same_class(pairs, scene=scene), iou=iou, count=count),
        any_label_of=match_greedily(pairs, iou=iou, count=count),
    )


def same_class(pairs: Overlaps, *, scene: Scene) -> Overlaps:
    """The pairs whose detection and label are of one class."""
    detected = scene.detections["label"].to_numpy()[pairs.detection]
    return pairs.where(detected == scene.labels["label"].to_numpy()[pairs.label])


def overlaps(detections: np.ndarray, labels: np.ndarray, *, match: Match) -> Overlaps:
    """Intersection over union of every detection and label that touch.

    Args:
        detections: `(detection,)` geometries.
        labels: `(label,)` geometries in the same CRS.
        match: `box` takes their axis-aligned envelopes.

    Source: Jaccard, Bulletin de la Société vaudoise des sciences naturelles 37 (1901), 547.
    """
    if match == "box":
        detections, labels = _boxes(detections), _boxes(labels)
    by_label, by_detection = shapely.STRtree(detections).query(labels, predicate="intersects")
    pair = (detections[by_detection], labels[by_label])
    shared = shapely.area(shapely.intersection(*pair)) if match == "polygon" else _shared(*pair)
    together = shapely.area(pair[0]) + shapely.area(pair[1]) - shared
    iou = np.divide(shared, together, out=np.zeros(len(shared)), where=together > 0)
    return Overlaps(by_detection, by_label, iou)


def _boxes(geometries: np.ndarray) -> np.ndarray:
    boxes: np.ndarray = shapely.box(*shapely.bounds(geometries).reshape(-1, 4).T)
    return boxes


def _shared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Area that each two boxes share, without building geometries."""
    a, b = shapely.bounds(one).reshape(-1, 4), shapely.bounds(other).reshape(-1, 4)
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    width, height = np.clip(sides, 0, None).T
    shared: np.ndarray = width * height
    return shared


def match_greedily(pairs: Overlaps, *, iou: float, count: int) -> np.ndarray:
    """Match detections to labels, one to one: each in turn takes the free label it overlaps most.

    Args:
        pairs: Overlaps; detections of lower rows come first, so they are sorted by score.
        iou: Least overlap of a match.
        count: Number of detections.

    Returns:
        `(count,)` row of the matched label, or -1.

    Source: COCO detection evaluation, `COCOeval.evaluateImg` of pycocotools; its rule for ties
    too (equal overlap: the label of the higher row).
    """
    pairs = pairs.where(pairs.iou >= min(iou, 1 - 1e-10))
    order = np.lexsort([-pairs.label, -pairs.iou, pairs.detection])
    label_of = np.full(count, NONE)
    taken: set[int] = set()
    for detection, label in zip(
        pairs.detection[order].tolist(), pairs.label[order].tolist(), strict=True
    ):
        if label_of[detection] == NONE and label not in taken:
            label_of[detection] = label
            taken.add(label)
    return label_of
