"""Assignment by overlap with anchors of fixed shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.models.boxes.anchors import Anchors, list_cells
from factory_core.models.boxes.assigner import NO_OPINION, NOTHING, Assigner, best_of_each
from factory_core.models.boxes.geometry import ious


@dataclass(frozen=True)
class MaxIou(Assigner):
    """An anchor learns the object that it overlaps most, if it is enough.

    As in RetinaNet (Lin et al. 2017, https://arxiv.org/abs/1708.02002, section 4) and, with
    the best anchor of each object whatever its overlap, Faster R-CNN (Ren et al. 2015,
    https://arxiv.org/abs/1506.01497, section 3.1.2); unless that one learns another object.

    Args:
        positive: From this IoU on an anchor learns an object.
        negative: Below this IoU with all objects an anchor learns that there is none; in
            between it learns nothing.
    """

    positive: float = 0.5
    negative: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.negative <= self.positive <= 1:
            raise ValueError(
                "0 < `negative` <= `positive` <= 1 must hold. Received: "
                f"negative={self.negative}, positive={self.positive}."
            )

    def __call__(self, xylwa: np.ndarray, anchors: Anchors) -> np.ndarray:
        """Number of the label of each anchor, `NOTHING` or `NO_OPINION`."""
        count = len(anchors.xylwa)
        if len(xylwa) == 0:
            return np.full(count, NOTHING, np.int64)
        row, label, overlap = _overlaps(xylwa, anchors, at_least=self.negative)
        best = np.zeros(len(xylwa))
        np.maximum.at(best, label, overlap)
        # What overlaps all anchors less was left out above, and has a best one all the same.
        missed = np.flatnonzero(best < self.negative)
        if len(missed):
            more_row, more_label, more = _overlaps(xylwa[missed], anchors, at_least=0.0)
            row, label = np.append(row, more_row), np.append(label, missed[more_label])
            overlap = np.append(overlap, more)
            np.maximum.at(best, label, overlap)
        enough = overlap >= self.positive
        found = best_of_each(row[enough], label[enough], overlap[enough], rows=count)
        unsure = row[overlap >= self.negative]
        found[unsure[found[unsure] == NOTHING]] = NO_OPINION
        first = (overlap == best[label]) & (overlap > 0)
        forced = best_of_each(row[first], label[first], overlap[first], rows=count)
        return np.where((forced != NOTHING) & (found < 0), forced, found)


def _overlaps(
    xylwa: np.ndarray, anchors: Anchors, *, at_least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, label and IoU of all pairs of at least that IoU, and of some below."""
    found = []
    for level in anchors.levels:
        start = level.start * anchors.shapes
        shapes = anchors.xylwa[start : start + anchors.shapes]
        label, shape = np.indices((len(xylwa), len(shapes))).reshape(2, -1)
        reach = _reach(xylwa[label], shapes[shape], at_least=at_least)
        near = reach.min(axis=1) >= 0
        label, shape, reach = label[near], shape[near], reach[near]
        first = np.ceil((xylwa[label, :2] - reach) / level.stride_px - 0.5)
        behind = np.floor((xylwa[label, :2] + reach) / level.stride_px - 0.5) + 1
        pair, cell = list_cells(first, behind, level)
        row, label = cell * anchors.shapes + shape[pair], label[pair]
        found.append((row, label, ious(anchors.xylwa[row], xylwa[label])))
    rows, labels, overlaps = (np.concatenate(piece) for piece in zip(*found, strict=True))
    return rows, labels, overlaps


def _reach(labels: np.ndarray, shapes: np.ndarray, *, at_least: float) -> np.ndarray:
    """How far in x and y the centres of pairs may be apart for that IoU, below 0 for never."""
    shapes = shapes * [0, 0, 1, 1, 1] + labels * [1, 1, 0, 0, 0]
    own = _reach_in_frame(labels, shapes, at_least=at_least)
    other = _reach_in_frame(shapes, labels, at_least=at_least)
    never = (own.min(axis=1) < 0) | (other.min(axis=1) < 0)
    reach: np.ndarray = np.minimum(_along_axes(own, labels[:, 4]), _along_axes(other, shapes[:, 4]))
    reach[never] = -1.0
    return reach


def _reach_in_frame(frames: np.ndarray, boxes: np.ndarray, *, at_least: float) -> np.ndarray:
    """How far along and across `frames` the centres of `boxes` may lie from theirs, `(n, 2)`.

    What two boxes share is no longer than they overlap along the frame, and no wider than
    the narrower of the two across it.
    """
    sides = frames[:, 2:4]
    extent = _along_axes(boxes[:, 2:4], boxes[:, 4] - frames[:, 4])
    most = np.minimum(sides, extent)
    areas = sides.prod(axis=1) + boxes[:, 2:4].prod(axis=1)
    needed = at_least / (1 + at_least) * areas
    reach: np.ndarray = (
        (sides + extent) / 2 - needed[:, None] / np.maximum(most[:, ::-1], 1e-9) + 1e-9
    )
    reach[most.prod(axis=1) < needed - 1e-9] = -1.0
    return reach


def _along_axes(sides: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Width and height `(n, 2)` of what has `sides` along `angle` and across it."""
    cosine, sine = np.abs(np.cos(angle)), np.abs(np.sin(angle))
    first, second = sides.T
    return np.stack([cosine * first + sine * second, sine * first + cosine * second], axis=-1)
