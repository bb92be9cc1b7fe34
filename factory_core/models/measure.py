"""How well outputs fit labels: one number an epoch, to keep the best weights by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from factory_core.dataset.sample import Boxes

IOU = 0.4


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


def average_precision(labels: Sequence[Boxes], outputs: dict[str, np.ndarray]) -> float:
    """Area under precision over recall of all boxes of all windows, classes pooled.

    A box that overlaps a better one of its class does not count: post-processing drops it.

    Args:
        labels: Boxes of each window.
        outputs: `boxes` `(window, k, 4)`, `scores` and `classes` `(window, k)`, best first.
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
    hits = np.concatenate(pieces)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.cumsum(hits[order])
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((envelope * hits[order]).sum() / total)


def _without_doubles(found: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Indices of the boxes, best first, that overlap no better one of their class by half."""
    doubled = (_iou(found, found) > 0.5) & (classes[:, None] == classes[None])
    kept: list[int] = []
    for index in range(len(found)):
        if not doubled[index, kept].any():
            kept.append(index)
    return np.array(kept, int)


def _hits(labels: Boxes, found: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Whether each box, best first, is the first on a label of its class."""
    hits = np.zeros(len(found), bool)
    if len(labels) == 0:
        return hits
    overlap = _iou(found, labels.xyxy_px)
    overlap[classes[:, None] != labels.classes[None]] = 0
    for index, row in enumerate(overlap):
        best = int(row.argmax())
        if row[best] >= IOU:
            hits[index] = True
            overlap[:, best] = 0
    return hits


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    area_a = np.prod(np.maximum(a[:, 2:] - a[:, :2], 0), axis=-1)
    area_b = np.prod(b[:, 2:] - b[:, :2], axis=-1)
    iou: np.ndarray = shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-6)
    return iou
