"""Losses of anchors: their classes, and the boxes of those that have an object."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.models.boxes.rows import split
from factory_core.models.interface import AnchorLoss, OrientedAnchorLoss, Tensor
from factory_core.models.losses.box_parts import OrientedBoxLoss, UprightBoxLoss
from factory_core.models.losses.dense import DenseBoxes, Truth
from factory_core.models.losses.gaussian import moments


@dataclass(frozen=True)
class AnchorBoxes(DenseBoxes, AnchorLoss):
    """Classes and boxes of anchors (Lin et al. 2017, https://arxiv.org/abs/1708.02002).

    Differs from the paper: boxes are compared by their overlap and not number by number.

    Args:
        classes: Compares the classes of all anchors.
        boxes: Compares the boxes of those with an object.
        box_weight: Weight of the boxes against the classes.
    """

    boxes: UprightBoxLoss

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, row, 5)`: box, class.
            output: `(batch, row, 7 + class)`: place, box, logits.
        """
        rows = split(output, box=4)
        truth = Truth.of(target, num_classes=rows.logits.shape[-1])
        found = truth.where_object(rows.boxes, truth.boxes)
        return self.compare(
            truth, rows.logits, wanted=truth.boxes, found=found, weight=truth.has_object
        )


@dataclass(frozen=True)
class OrientedAnchorBoxes(DenseBoxes, OrientedAnchorLoss):
    """Classes and oriented boxes of anchors, the boxes compared as Gaussians.

    Args:
        classes: Compares the classes of all anchors.
        boxes: Compares the boxes of those with an object.
        box_weight: Weight of the boxes against the classes.
    """

    boxes: OrientedBoxLoss

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, row, 6)`: box, class.
            output: `(batch, row, 8 + class)`: place, box, logits.
        """
        rows = split(output, box=5)
        truth = Truth.of(target, num_classes=rows.logits.shape[-1])
        wanted = moments(truth.boxes)
        found = moments(truth.where_object(rows.boxes, truth.boxes))
        return self.compare(truth, rows.logits, wanted=wanted, found=found, weight=truth.has_object)
