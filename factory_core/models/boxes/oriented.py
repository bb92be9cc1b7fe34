"""Oriented boxes in a network's graph: written the one way that is allowed, and from Gaussians."""

from __future__ import annotations

import numpy as np
from keras import ops

from factory_core.models.interface import Tensor

HALF_TURN = float(np.pi)
SMALL = 1e-12


def canonical(xylwa: Tensor) -> Tensor:
    """Boxes `(..., 5)` with any side first and any angle, as `OrientedBoxes` writes them.

    Returns:
        The same boxes, length >= width and the angle of the length in `[-pi/2, pi/2)`.
    """
    one, two, angle = xylwa[..., 2], xylwa[..., 3], xylwa[..., 4]
    angle = ops.where(two > one, angle + HALF_TURN / 2, angle)
    return _written(xylwa[..., :2], ops.maximum(one, two), ops.minimum(one, two), angle)


def boxes_of(gaussians: Tensor) -> Tensor:
    """The boxes `(..., 5)` whose `losses.gaussian.moments` are `gaussians` `(..., 5)`."""
    xx, yy, xy = gaussians[..., 2], gaussians[..., 3], gaussians[..., 4]
    mean, half = (xx + yy) / 2, (xx - yy) / 2
    away = ops.sqrt(half**2 + xy**2 + SMALL)
    length, width = 2 * ops.sqrt(mean + away), 2 * ops.sqrt(ops.maximum(mean - away, SMALL))
    return _written(gaussians[..., :2], length, width, ops.arctan2(xy, half) / 2)


def _written(xy: Tensor, length: Tensor, width: Tensor, angle: Tensor) -> Tensor:
    turns = ops.floor((angle + HALF_TURN / 2) / HALF_TURN)
    sides = ops.stack([length, width, angle - turns * HALF_TURN], axis=-1)
    return ops.concatenate([xy, sides], axis=-1)
