"""Losses of upright boxes by their overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from keras import ops

from factory_core.models.interface import Tensor
from factory_core.models.losses.box_parts import UprightBoxLoss

SMALL = 1e-6


class _Pair(NamedTuple):
    """What two boxes have in common: areas in square pixels and squared lengths."""

    iou: Tensor
    union: Tensor
    hull: Tensor
    diagonal: Tensor
    apart: Tensor


def _compare(truth: Tensor, found: Tensor) -> _Pair:
    low, high = (
        ops.maximum(truth[..., :2], found[..., :2]),
        ops.minimum(truth[..., 2:], found[..., 2:]),
    )
    shared = _area(low, high)
    union = _area(truth[..., :2], truth[..., 2:]) + _area(found[..., :2], found[..., 2:]) - shared
    first, last = ops.minimum(truth, found)[..., :2], ops.maximum(truth, found)[..., 2:]
    centres = ops.stack([truth[..., :2] + truth[..., 2:], found[..., :2] + found[..., 2:]]) / 2
    return _Pair(
        iou=shared / ops.maximum(union, SMALL),
        union=union,
        hull=_area(first, last),
        diagonal=ops.sum((last - first) ** 2, axis=-1),
        apart=ops.sum((centres[0] - centres[1]) ** 2, axis=-1),
    )


def _area(low: Tensor, high: Tensor) -> Tensor:
    sides = ops.maximum(high - low, 0.0)
    return sides[..., 0] * sides[..., 1]


class _Overlap(UprightBoxLoss):
    """An IoU less what punishes boxes that do not meet."""

    def quality(self, truth: Tensor, found: Tensor) -> Tensor:
        """IoU of the pairs."""
        return _compare(truth, found).iou


@dataclass(frozen=True)
class Iou(_Overlap):
    """1 - IoU: boxes that do not meet learn nothing (Yu et al. 2016, https://arxiv.org/abs/1608.01471).

    Differs from the paper, which takes minus its logarithm.
    """

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        return 1.0 - _compare(truth, found).iou


@dataclass(frozen=True)
class Giou(_Overlap):
    """Generalised IoU (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630)."""

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        pair = _compare(truth, found)
        return 1.0 - pair.iou + (pair.hull - pair.union) / ops.maximum(pair.hull, SMALL)


@dataclass(frozen=True)
class Diou(_Overlap):
    """IoU and the distance of the centres (Zheng et al. 2020, https://arxiv.org/abs/1911.08287)."""

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        pair = _compare(truth, found)
        return 1.0 - pair.iou + pair.apart / ops.maximum(pair.diagonal, SMALL)


@dataclass(frozen=True)
class Ciou(_Overlap):
    """IoU, the distance of the centres and the shape.

    Complete IoU (Zheng et al. 2020, https://arxiv.org/abs/1911.08287, section 3.3).
    """

    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair."""
        pair = _compare(truth, found)
        shape = (4 / np.pi**2) * (_slope(truth) - _slope(found)) ** 2
        weight = ops.stop_gradient(shape / ops.maximum(1.0 - pair.iou + shape, SMALL))
        return 1.0 - pair.iou + pair.apart / ops.maximum(pair.diagonal, SMALL) + weight * shape


def _slope(boxes: Tensor) -> Tensor:
    """Angle of the diagonal of boxes."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], SMALL)
    return ops.arctan2(sides[..., 0], sides[..., 1])
