"""Assignment and overlap written out as the papers say them, slowly."""

from __future__ import annotations

import numpy as np
import shapely

from factory_core.dataset.sample import OrientedBoxes

NOTHING, NO_OPINION = -1, -2


def iou_table(one, two):
    """IoU `(n, m)` of boxes `(n, 5)` and `(m, 5)`, by shapely."""
    a, b = (shapely.polygons(OrientedBoxes(boxes, None).corners_px()) for boxes in (one, two))
    shared = shapely.area(shapely.intersection(a[:, None], b[None]))
    union = shapely.area(a)[:, None] + shapely.area(b)[None] - shared
    return shared / np.maximum(union, 1e-9)


def max_iou(xylwa, anchors, *, positive, negative):
    table = iou_table(anchors.xylwa, xylwa)
    found = np.full(len(table), NOTHING)
    for row, overlaps in enumerate(table):
        if overlaps.max() >= positive:
            found[row] = overlaps.argmax()
        elif overlaps.max() >= negative:
            found[row] = NO_OPINION
    return found, table


def atss(xylwa, anchors, *, nearest):
    table = iou_table(anchors.xylwa, xylwa)
    best = np.zeros(len(table))
    found = np.full(len(table), NOTHING)
    for number, label in enumerate(xylwa):
        candidates = []
        for level in range(len(anchors.levels)):
            rows = np.flatnonzero(anchors.level_of == level)
            distance = ((anchors.xylwa[rows, :2] - label[:2]) ** 2).sum(axis=1)
            candidates += list(rows[np.argsort(distance, kind="stable")[:nearest]])
        overlaps = table[candidates, number]
        least = overlaps.mean() + overlaps.std(ddof=1)
        candidates = [
            row for row in candidates if inside(anchors.xylwa[row, :2], label, within_px=0.01)
        ]
        least = min(least, table[candidates, number].max(initial=0)) - 1e-9
        for row in candidates:
            overlap = table[row, number]
            if overlap >= least and overlap > best[row] + 1e-9:
                best[row], found[row] = overlap, number
    return found


def centre_sampling(xylwa, anchors, *, radius_strides, range_strides):
    found = np.full(len(anchors.xylwa), NOTHING)
    smallest = np.full(len(anchors.xylwa), np.inf)
    coarsest = len(anchors.levels) - 1
    for row, (box, level) in enumerate(zip(anchors.xylwa, anchors.level_of, strict=True)):
        stride = anchors.levels[level].stride_px
        for number, label in enumerate(xylwa):
            along, across = frame(box[:2], label)
            farthest = max(abs(along) + label[2] / 2, abs(across) + label[3] / 2)
            low = range_strides * stride / 2 if level else 0
            high = np.inf if level == coarsest else range_strides * stride
            if (
                inside(box[:2], label)
                and max(abs(along), abs(across)) < radius_strides * stride
                and low < farthest <= high
                and label[2] * label[3] < smallest[row]
            ):
                smallest[row], found[row] = label[2] * label[3], number
    return found


def frame(xy, label):
    x, y = xy - label[:2]
    cosine, sine = np.cos(label[4]), np.sin(label[4])
    return cosine * x + sine * y, cosine * y - sine * x


def inside(xy, label, *, within_px=1e-9):
    along, across = frame(xy, label)
    return abs(along) < label[2] / 2 - within_px and abs(across) < label[3] / 2 - within_px
