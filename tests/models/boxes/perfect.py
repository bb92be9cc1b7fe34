"""Outputs of dense box models, as a network would give them that has learnt its target by heart."""

from __future__ import annotations

import numpy as np

from factory_core.models.boxes.anchors import anchors
from factory_core.models.boxes.geometry import sides_from
from factory_core.models.boxes.rows import BINS

SURE = 20.0


def rows_of(model, shape):
    """The anchors or points of a window."""
    return anchors(
        shape, strides_px=model.strides_px, shapes=getattr(model, "shapes", ((1, 1, 0),))
    )


def places_of(model, shape):
    grid = rows_of(model, shape)
    return np.column_stack([grid.xylwa[:, :2], grid.strides_px]).astype(np.float32)


def perfect_output(name, model, target, *, shape, num_classes):
    """Place, box, extra and logits that say what the target states."""
    if name == "yolox":
        target = nearest_points(model, target, shape)
    place = np.broadcast_to(places_of(model, shape), (*target.shape[:2], 3))
    boxes, classes = target[..., :-1], target[..., -1:]
    logits = np.where(classes == np.arange(1, num_classes + 1), SURE, -SURE)
    extra = np.zeros((*target.shape[:2], 0))
    if name == "gfl":
        extra = two_bins(place, boxes)
    elif name == "yolox":
        extra = np.where(classes > 0, SURE, -SURE)
    elif "fcos" in name:
        extra = np.where(classes > 0, np.clip(logit(centre_ness(place, boxes)), -SURE, SURE), 0)
    if name == "gaussian_fcos":
        boxes = gaussians(boxes)
    return np.concatenate([place, boxes, extra, logits], axis=-1).astype(np.float32)


def nearest_points(model, target, shape):
    """YOLOX' labels on the rows next to their centres."""
    place = places_of(model, shape)
    rows = np.zeros((len(target), len(place), 5))
    for window, labels in zip(rows, target, strict=True):
        for label in labels[labels[:, 4] > 0]:
            centre = (label[:2] + label[2:4]) / 2
            near = np.abs(place[:, :2] - centre).max(axis=1) < 2.5 * place[:, 2]
            inside = ((place[:, :2] > label[:2]) & (place[:, :2] < label[2:4])).all(axis=1)
            window[near & inside] = label
    return rows


def as_xylwa(boxes):
    if boxes.shape[-1] == 5:
        return boxes
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low, np.zeros_like(low[..., :1])], axis=-1)


def centre_ness(place, boxes):
    flat = as_xylwa(boxes).reshape(-1, 5)
    left, top, right, lower = sides_from(place[..., :2].reshape(-1, 2), flat).T
    with np.errstate(all="ignore"):
        found = np.minimum(left, right) * np.minimum(top, lower)
        found = np.sqrt(found / (np.maximum(left, right) * np.maximum(top, lower)))
    return np.nan_to_num(found).reshape(*boxes.shape[:2], 1)


def logit(share):
    share = np.clip(np.asarray(share, float), 1e-9, 1 - 1e-9)
    return np.log(share / (1 - share))


def two_bins(place, boxes):
    """Distributions whose mean is the distance: all of it in the two bins around it."""
    sides = np.concatenate([place[..., :2] - boxes[..., :2], boxes[..., 2:] - place[..., :2]], -1)
    steps = np.clip(sides / place[..., 2:], 0, BINS - 0.01)[..., None]
    shares = np.maximum(1 - np.abs(np.arange(BINS + 1) - steps), 1e-9)
    return np.log(shares).reshape(*boxes.shape[:2], -1)


def gaussians(boxes):
    """Mean and covariance of each box, by the product of three matrices."""
    cosine, sine = np.cos(boxes[..., 4]), np.sin(boxes[..., 4])
    turn = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    spread = turn @ (boxes[..., 2:4, None] ** 2 / 4 * np.swapaxes(turn, -1, -2))
    parts = [spread[..., 0, 0], spread[..., 1, 1], spread[..., 0, 1]]
    return np.concatenate([boxes[..., :2], np.stack(parts, -1)], axis=-1)
