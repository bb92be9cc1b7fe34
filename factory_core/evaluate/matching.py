"""Which detection is which label: overlaps of geometries, and pairs of one to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely

from factory_core.evaluate.objects import NONE, Objects

Match = Literal["box", "polygon"]
# Between scenes when they are laid side by side to be searched at once.
GAP_M = 1e3


@dataclass(frozen=True)
class Overlaps:
    """Every pair of a detection and a label of one scene that overlap.

    Attributes:
        detection: `(pair,)` row of the detection.
        label: `(pair,)` row of the label.
        iou: `(pair,)` intersection over union, in (0, 1].
    """

    detection: np.ndarray
    label: np.ndarray
    iou: np.ndarray

    def where(self, chosen: np.ndarray) -> Overlaps:
        """The pairs that `chosen` `(pair,)` is true for."""
        return Overlaps(self.detection[chosen], self.label[chosen], self.iou[chosen])


def place_side_by_side(bounds: np.ndarray, *, scene: np.ndarray, scenes: np.ndarray) -> np.ndarray:
    """Boxes moved so that no two scenes lie on one ground, for one search of all.

    Args:
        bounds: `(row, 4)` in the CRS of each row's scene.
        scene: `(row,)` place of its scene.
        scenes: `(scene, 4)` bounds of the scenes.

    Returns:
        `(row,)` geometries.
    """
    widths = scenes[:, 2] - scenes[:, 0] + GAP_M
    x = (np.cumsum(widths) - widths - scenes[:, 0])[scene]
    y = -scenes[:, 1][scene]
    moved = bounds + np.column_stack([x, y, x, y])
    boxes: np.ndarray = shapely.box(*moved.T)
    return boxes


def find_overlaps(
    detections: Objects,
    labels: Objects,
    *,
    near: tuple[np.ndarray, np.ndarray],
    match: Match,
) -> Overlaps:
    """Intersection over union of every detection and label of one scene that overlap.

    Args:
        detections: Of all scenes.
        labels: Of the same scenes.
        near: Rows of detections and of labels whose bounds touch.
        match: `box` takes their axis-aligned envelopes in the CRS of the scene.

    Source: Jaccard, Bulletin de la Société vaudoise des sciences naturelles 37 (1901), 547.
    """
    one, other = near
    together = detections.scene[one] == labels.scene[other]
    one, other = one[together], other[together]
    if match == "polygon":
        shared = shapely.area(
            shapely.intersection(detections.geometry[one], labels.geometry[other])
        )
        areas = detections.area_m2[one] + labels.area_m2[other]
    else:
        a, b = detections.bounds[one], labels.bounds[other]
        sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
        shared = np.clip(sides, 0, None).prod(axis=1)
        areas = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1)
    overlap = shared > 0
    one, other = one[overlap], other[overlap]
    return Overlaps(one, other, shared[overlap] / (areas[overlap] - shared[overlap]))


def match_greedily(
    pairs: Overlaps,
    *,
    ious: Sequence[float],
    detections: int,
    last: np.ndarray | None = None,
) -> np.ndarray:
    """Match detections to labels, one to one: each in turn takes the free label it overlaps most.

    Taking turns is a stable matching in which every label prefers the detection of the
    lower row; so all detections propose at once, and again where a better one came. All
    overlaps are worked on together.

    Args:
        pairs: Overlaps; detections of lower rows of a scene come first: the highest score.
        ious: Least overlaps of a match.
        detections: Number of detections.
        last: `(pair,)` whether its label is only taken where no other is free (COCO: ignored).

    Returns:
        `(overlap, detection)` row of the matched label, or -1.

    Source: COCO detection evaluation, `COCOeval.evaluateImg` of pycocotools; its rule for ties
    too (equal overlap: the label of the higher row). Gale and Shapley, College Admissions and the
    Stability of Marriage, American Mathematical Monthly 69 (1962), 9.
    """
    late = np.zeros(len(pairs.iou), bool) if last is None else last
    order = np.lexsort([-pairs.label, -pairs.iou, late, pairs.detection])
    detection, label, iou = pairs.detection[order], pairs.label[order], pairs.iou[order]
    least = np.minimum(np.asarray(ious, float), 1 - 1e-10)
    at, pair = np.nonzero(iou >= least[:, None])
    # A detection at an overlap is one suitor; its proposals stand in a row.
    suitor, sought = at * detections + detection[pair], label[pair]
    width = int(sought.max(initial=NONE)) + 1
    sought += at * width
    label_of = np.full(len(least) * detections, NONE)
    starts = np.flatnonzero(np.diff(suitor, prepend=NONE))
    ends = np.append(starts[1:], len(suitor))
    suitors = suitor[starts]
    taken_by = np.full(len(least) * width, len(suitors))
    proposal = starts.copy()
    asking = np.arange(len(suitors))
    while len(asking):
        wanted = sought[proposal[asking]]
        before = taken_by[wanted]
        np.minimum.at(taken_by, wanted, asking)
        after = taken_by[wanted]
        refused = asking[after != asking]
        ousted = np.unique(before[(before != after) & (before < len(suitors))])
        asking = np.concatenate([refused, ousted])
        proposal[asking] += 1
        asking = asking[proposal[asking] < ends[asking]]
    taken = np.flatnonzero(taken_by < len(suitors))
    label_of[suitors[taken_by[taken]]] = taken % max(width, 1)
    return label_of.reshape(len(least), detections)
