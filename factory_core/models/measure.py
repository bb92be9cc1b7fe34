"""How well outputs fit labels: one number an epoch, to keep weights by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from factory_core.dataset.sample import Boxes, OrientedBoxes
from factory_core.models.boxes.geometry import ious

# Loose ones show the first progress, strict ones tell boxes that fit from boxes too large.
IOUS = np.array([0.4, 0.5, 0.6, 0.7, 0.8])
DOUBLE_IOU = 0.5


def mean_iou(masks: np.ndarray, scores: np.ndarray) -> float:
    """Mean over the classes of the IoU of all pixels, each of its likeliest class.

    Args:
        masks: `(window, height, width)` of 0 for background and class index + 1.
        scores: `(window, height, width, class)`.

    Returns:
        0 to 1; a class that is neither labelled nor found does not count.
    """
    rest = 1.0 - scores.sum(axis=-1, keepdims=True)
    found = np.concatenate([rest, scores], axis=-1).argmax(axis=-1)
    values = []
    for number in range(1, scores.shape[-1] + 1):
        union = ((masks == number) | (found == number)).sum()
        if union:
            values.append(((masks == number) & (found == number)).sum() / union)
    return float(np.mean(values)) if values else 1.0


def average_precision(
    labels: Sequence[Boxes | OrientedBoxes], outputs: dict[str, np.ndarray]
) -> float:
    """Area under precision over recall of all boxes of all windows, classes pooled, mean of `IOUS`.

    A box that overlaps a better one of its class does not count: post-processing drops it.

    Args:
        labels: Boxes of each window, upright or oriented.
        outputs: `boxes` `(window, k, 4)` or `(window, k, 5)`, `scores` and `classes`
            `(window, k)`, best first.
    """
    total = sum(len(boxes) for boxes in labels)
    if total == 0:
        return 1.0 - float(outputs["scores"].max(initial=0.0))
    pieces, scores = [], []
    for boxes, found, classes, score in zip(
        labels, outputs["boxes"], outputs["classes"], outputs["scores"], strict=True
    ):
        kept = _without_doubles(found, classes)
        pieces.append(_hits(boxes, found[kept], classes[kept]))
        scores.append(score[kept])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.concatenate(pieces)[order]
    precision = np.cumsum(hits, axis=0) / np.arange(1, len(hits) + 1)[:, None]
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hits).sum(axis=0).mean() / total)


def _without_doubles(found: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Indices of the boxes, best first, that overlap no better one of their class by half."""
    doubled = (_iou(found, found) > DOUBLE_IOU) & (classes[:, None] == classes[None])
    kept: list[int] = []
    for index in range(len(found)):
        if not doubled[index, kept].any():
            kept.append(index)
    return np.array(kept, int)


def _hits(labels: Boxes | OrientedBoxes, found: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Whether each box, best first, is the first on a label of its class: `(box, len(IOUS))`."""
    hits = np.zeros((len(found), len(IOUS)), bool)
    if len(labels) == 0:
        return hits
    wanted = labels.xylwa if isinstance(labels, OrientedBoxes) else labels.xyxy_px
    overlap = _iou(found, wanted) * (classes[:, None] == labels.classes[None])
    # What a bound leaves of each pair; a label that is found is taken from all that follow.
    left = overlap * (overlap >= IOUS[:, None, None])
    for index in np.nonzero(left.any(axis=(0, 2)))[0]:
        best = left[:, index].argmax(axis=1)
        hits[index] = left[np.arange(len(IOUS)), index, best] > 0
        left[hits[index], :, best[hits[index]]] = 0
    return hits


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU `(n, m)` of boxes `(n, 4)` and `(m, 4)`, or of oriented ones where it reaches `IOUS`."""
    return _upright_iou(a, b) if a.shape[1] == 4 else _oriented_iou(a, b)


def _upright_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    area_a = np.prod(np.maximum(a[:, 2:] - a[:, :2], 0), axis=-1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=-1)
    iou: np.ndarray = shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-6)
    return iou


def _oriented_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Exact for pairs that could reach the least of `IOUS` by areas and places, else 0."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    area_a, area_b = np.prod(a[:, 2:4], axis=1)[:, None], np.prod(b[:, 2:4], axis=1)[None]
    alike = np.minimum(area_a, area_b) >= IOUS[0] * np.maximum(area_a, area_b)
    apart = np.hypot(*(a[:, None, :2] - b[None, :, :2]).transpose(2, 0, 1))
    reach = np.hypot(*a[:, 2:4].T)[:, None] + np.hypot(*b[:, 2:4].T)[None]
    rows, columns = np.nonzero(alike & (apart < reach / 2))
    iou = np.zeros(alike.shape)
    iou[rows, columns] = ious(a[rows], b[columns])
    return iou
