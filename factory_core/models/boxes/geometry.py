"""Boxes of any direction as numbers: their frames and overlaps, fast enough for the feed."""

from __future__ import annotations

import numpy as np

from factory_core.dataset.sample import Boxes, OrientedBoxes
from factory_core.kernel.geo import oriented_corners


def as_xylwa(labels: Boxes | OrientedBoxes) -> np.ndarray:
    """Labels as `(n, 5)` float64: centre, length, width, angle; upright ones lie along x."""
    if isinstance(labels, OrientedBoxes):
        return labels.xylwa.astype(np.float64)
    low, high = np.split(labels.xyxy_px.astype(np.float64), 2, axis=1)
    return np.column_stack([(low + high) / 2, high - low, np.zeros(len(labels))])


def in_frames(xy: np.ndarray, xylwa: np.ndarray) -> np.ndarray:
    """Points `(n, 2)` seen from the centre of each box `(n, 5)`, along its length and width."""
    cosine, sine = np.cos(xylwa[:, 4]), np.sin(xylwa[:, 4])
    x, y = (xy - xylwa[:, :2]).T
    return np.stack([cosine * x + sine * y, cosine * y - sine * x], axis=-1)


def sides_from(xy: np.ndarray, xylwa: np.ndarray) -> np.ndarray:
    """Distances `(n, 4)` from points to the sides of their boxes, below 0 outside.

    Left, top, right, lower side of an upright box; else as the box is turned.
    """
    offset, half = in_frames(xy, xylwa), xylwa[:, 2:4] / 2
    return np.concatenate([half + offset, half - offset], axis=1)


def ious(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Intersection over union `(n,)` of boxes `(n, 5)`, each with its partner."""
    shared = _shared_areas(one, two)
    union = np.prod(one[:, 2:4], axis=1) + np.prod(two[:, 2:4], axis=1) - shared
    found: np.ndarray = np.clip(shared / np.maximum(union, 1e-9), 0.0, 1.0)
    return found


def _shared_areas(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    if not one[:, 4].any() and not two[:, 4].any():
        low = np.maximum(one[:, :2] - one[:, 2:4] / 2, two[:, :2] - two[:, 2:4] / 2)
        high = np.minimum(one[:, :2] + one[:, 2:4] / 2, two[:, :2] + two[:, 2:4] / 2)
        upright: np.ndarray = np.prod(np.maximum(high - low, 0.0), axis=1)
        return upright
    return _turned_areas(one, two)


def _turned_areas(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Area of each `one` within its `two`, as the integral of x dy along the sides of `one`.

    Seen from `two`, which is then upright, x counts no further than its left and right side
    (Green's theorem), and y runs no further than its top and lower side.
    """
    corners = oriented_corners(one)
    seen = in_frames(corners.reshape(-1, 2), np.repeat(two, 4, axis=0)).reshape(-1, 4, 2)
    x, y = seen[..., 0], seen[..., 1]
    reach_x, reach_y = two[:, None, 2] / 2, two[:, None, 3] / 2
    step_x, step_y = np.roll(x, -1, axis=1) - x, np.roll(y, -1, axis=1) - y
    begin = np.clip(y, -reach_y, reach_y)
    end = np.roll(begin, -1, axis=1)
    slope = step_x / np.where(step_y == 0, 1.0, step_y)
    first, last = x + slope * (begin - y), x + slope * (end - y)
    run = last - first
    level = np.abs(run) < 1e-6
    mean = np.where(
        level,
        np.clip((first + last) / 2, -reach_x, reach_x),
        (_clipped_integral(last, reach_x) - _clipped_integral(first, reach_x))
        / np.where(level, 1.0, run),
    )
    areas: np.ndarray = np.maximum((mean * (end - begin)).sum(axis=1), 0.0)
    return areas


def _clipped_integral(x: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Integral from 0 to `x` of a value that is held within `reach` on both sides of 0."""
    near = np.clip(x, -reach, reach)
    integral: np.ndarray = near * (x - near / 2)
    return integral
