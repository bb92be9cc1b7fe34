"""The loss that chooses itself which rows learn which object."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.models.boxes.assigner import PredictionAssigner
from factory_core.models.boxes.rows import split
from factory_core.models.interface import AssigningLoss, Tensor
from factory_core.models.losses.box_classes import entropy
from factory_core.models.losses.box_parts import UprightBoxLoss
from factory_core.models.losses.dense import DenseBoxes, Truth, shares


@dataclass(frozen=True, kw_only=True)
class AssignedBoxes(DenseBoxes, AssigningLoss):
    """Boxes and classes of the rows that were assigned, and of all rows whether they were.

    YOLOX (Ge et al. 2021, https://arxiv.org/abs/2107.08430). Differs from its code, whose
    loss of the boxes is 1 - IoU squared.

    Args:
        assigner: Chooses the rows.
        classes: Compares the classes of those rows.
        boxes: Compares their boxes.
        box_weight: Weight of the boxes against the rest.
    """

    boxes: UprightBoxLoss
    box_weight: float = 5.0
    assigner: PredictionAssigner

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, label, 5)`: boxes and 1 + class, 0 where there is no label.
            output: `(batch, row, 8 + class)`: place, box, logit of any object, logits.
        """
        rows = split(output, box=4, extra=1)
        assigned = self.assigner(target, rows)
        truth = Truth.of(assigned, num_classes=rows.logits.shape[-1])
        truth = truth._replace(counts=truth.has_object)
        found = truth.where_object(rows.boxes, truth.boxes)
        compared = self.compare(
            truth, rows.logits, wanted=truth.boxes, found=found, weight=truth.has_object
        )
        anything = entropy(truth.has_object, rows.extra[..., 0])
        return compared + shares(anything, by=truth.has_object)
