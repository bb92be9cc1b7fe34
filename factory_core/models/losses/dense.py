"""What the losses of dense box models share: rows as `boxes/rows.py` describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.interface import Tensor
from factory_core.models.losses.box_parts import BoxLoss, ClassLoss

# A mean by weights stays one where all of them are small, as scores are at first.
LEAST_WEIGHT = 1e-3


class Truth(NamedTuple):
    """What rows have to find.

    Attributes:
        boxes: `(batch, row, 4 or 5)`; where there is no object a box that harms no formula.
        has_object: `(batch, row)` of 0 and 1.
        counts: `(batch, row)`, 0 where there is no opinion on the class.
        classes: `(batch, row, class)` of 0 and 1.
    """

    boxes: Tensor
    has_object: Tensor
    counts: Tensor
    classes: Tensor

    @classmethod
    def of(cls, target: Tensor, *, num_classes: int) -> Truth:
        """From `(batch, row, box and class)`."""
        boxes, numbers = ops.cast(target[..., :-1], "float32"), ops.cast(target[..., -1:], "int32")
        harmless = ops.concatenate([boxes[..., :2] * 0.0, boxes[..., 2:] * 0.0 + 1.0], axis=-1)
        return cls(
            ops.where(numbers > 0, boxes, harmless),
            ops.cast(numbers[..., 0] > 0, "float32"),
            ops.cast(numbers[..., 0] >= 0, "float32"),
            ops.cast(numbers == ops.arange(1, num_classes + 1, dtype="int32"), "float32"),
        )

    def where_object(self, found: Tensor, otherwise: Tensor) -> Tensor:
        """`found` where there is an object; the rest, often the truth, has no gradient."""
        return ops.where(ops.expand_dims(self.has_object, -1) > 0, found, otherwise)


@dataclass(frozen=True)
class DenseBoxes:
    """The sum that all losses of dense box models are.

    Args:
        classes: Compares the classes of all rows.
        boxes: Compares the boxes of those with an object.
        box_weight: Weight of the boxes against the rest.
    """

    classes: ClassLoss
    boxes: BoxLoss
    box_weight: float = 2.0

    def __post_init__(self) -> None:
        check_at_least(0, box_weight=self.box_weight)

    def compare(
        self, truth: Truth, logits: Tensor, *, wanted: Tensor, found: Tensor, weight: Tensor
    ) -> Tensor:
        """Loss of the classes and the boxes of each window, `(batch,)`.

        Args:
            truth: What the rows have to find.
            logits: `(batch, row, class)`.
            wanted: Boxes as `boxes` takes them, `(batch, row, number)`.
            found: Boxes in the same form, harmless where there is no object.
            weight: Of each row for its box, `(batch, row)`, 0 where there is no object.
        """
        quality = ops.expand_dims(ops.stop_gradient(self.boxes.quality(wanted, found)), -1)
        rows = truth.counts * self.classes(truth.classes, logits, quality=quality)
        of_boxes = shares(weight * self.boxes(wanted, found), by=weight, least=LEAST_WEIGHT)
        return shares(rows, by=truth.has_object) + self.box_weight * of_boxes


def shares(rows: Tensor, *, by: Tensor, least: float = 1.0) -> Tensor:
    """What each window adds to a sum over the batch that is divided by the sum of `by`.

    Times the number of windows, so that their mean is that quotient: a window without any
    object has no objects of its own to divide by.

    Args:
        rows: Losses `(batch, row)`.
        by: What they are counted by, `(batch, row)`.
        least: What the sum over the batch is divided by at least.
    """
    windows = ops.cast(ops.shape(rows)[0], "float32")
    return windows * ops.sum(rows, axis=1) / ops.maximum(ops.sum(by), least)
