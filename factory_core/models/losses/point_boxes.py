"""Losses of points: classes, boxes, and how near a point is to the centre of its object."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.models.boxes.rows import Rows, split
from factory_core.models.interface import GaussianLoss, OrientedPointLoss, PointLoss, Tensor
from factory_core.models.losses.box_classes import entropy
from factory_core.models.losses.box_parts import OrientedBoxLoss, UprightBoxLoss
from factory_core.models.losses.dense import DenseBoxes, Truth, shares
from factory_core.models.losses.gaussian import moments


@dataclass(frozen=True)
class _Points(DenseBoxes):
    """Classes, boxes, and the centre-ness that weighs them."""

    def compare_points(
        self, rows: Rows, truth: Truth, *, wanted: Tensor, found: Tensor, near: Tensor
    ) -> Tensor:
        """Loss of each window, from the centre-ness `(batch, row)` that each point has."""
        weight = truth.has_object * near
        compared = self.compare(truth, rows.logits, wanted=wanted, found=found, weight=weight)
        places = truth.has_object * entropy(near, rows.extra[..., 0])
        return compared + shares(places, by=truth.has_object)


@dataclass(frozen=True)
class PointBoxes(_Points, PointLoss):
    """Classes, boxes and centre-ness of points.

    FCOS (Tian et al. 2019, https://arxiv.org/abs/1904.01355): a point near the centre counts
    more for the box, and learns to say how near it is.

    Args:
        classes: Compares the classes of all points.
        boxes: Compares the boxes of those with an object.
        box_weight: Weight of the boxes against the classes and the centre-ness.
    """

    boxes: UprightBoxLoss

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, row, 5)`: box, class.
            output: `(batch, row, 8 + class)`: place, box, logit of the centre-ness, logits.
        """
        rows = split(output, box=4, extra=1)
        truth = Truth.of(target, num_classes=rows.logits.shape[-1])
        found = truth.where_object(rows.boxes, truth.boxes)
        near = centre_ness(rows.xy_px - truth.boxes[..., :2], truth.boxes[..., 2:] - rows.xy_px)
        return self.compare_points(rows, truth, wanted=truth.boxes, found=found, near=near)


@dataclass(frozen=True)
class OrientedPointBoxes(_Points, OrientedPointLoss):
    """Classes, oriented boxes and centre-ness of points, the boxes compared as Gaussians.

    Args:
        classes: Compares the classes of all points.
        boxes: Compares the boxes of those with an object.
        box_weight: Weight of the boxes against the classes and the centre-ness.
    """

    boxes: OrientedBoxLoss

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, row, 6)`: box, class.
            output: `(batch, row, 9 + class)`: place, box, logit of the centre-ness, logits.
        """
        rows = split(output, box=5, extra=1)
        truth = Truth.of(target, num_classes=rows.logits.shape[-1])
        found = moments(truth.where_object(rows.boxes, truth.boxes))
        near = _oriented_centre_ness(rows, truth)
        return self.compare_points(rows, truth, wanted=moments(truth.boxes), found=found, near=near)


@dataclass(frozen=True)
class GaussianBoxes(_Points, GaussianLoss):
    """Classes, Gaussians and centre-ness of points.

    Args:
        classes: Compares the classes of all points.
        boxes: Compares the Gaussians of those with an object.
        box_weight: Weight of the Gaussians against the classes and the centre-ness.
    """

    boxes: OrientedBoxLoss

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, row, 6)`: box, class.
            output: `(batch, row, 9 + class)`: place, mean and covariance, logit of the
                centre-ness, logits.
        """
        rows = split(output, box=5, extra=1)
        truth = Truth.of(target, num_classes=rows.logits.shape[-1])
        wanted = moments(truth.boxes)
        found = truth.where_object(rows.boxes, wanted)
        near = _oriented_centre_ness(rows, truth)
        return self.compare_points(rows, truth, wanted=wanted, found=found, near=near)


def centre_ness(low: Tensor, high: Tensor) -> Tensor:
    """1 at the centre of a box, 0 at its sides, `(batch, row)` (FCOS, equation 3).

    Args:
        low: Distances to the left and the top side, `(batch, row, 2)`.
        high: Distances to the right and the lower side.
    """
    least, most = ops.minimum(low, high), ops.maximum(low, high)
    inside = ops.maximum(least, 0.0) / ops.maximum(most, 1e-6)
    return ops.stop_gradient(ops.sqrt(inside[..., 0] * inside[..., 1]))


def _oriented_centre_ness(rows: Rows, truth: Truth) -> Tensor:
    x, y = (rows.xy_px[..., number] - truth.boxes[..., number] for number in (0, 1))
    cosine, sine = ops.cos(truth.boxes[..., 4]), ops.sin(truth.boxes[..., 4])
    offset = ops.stack([cosine * x + sine * y, cosine * y - sine * x], axis=-1)
    half = truth.boxes[..., 2:4] / 2
    return centre_ness(half + offset, half - offset)
