"""The loss of boxes whose sides are distributions."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.boxes.rows import BINS, Rows, split
from factory_core.models.interface import DistributionLoss, Tensor
from factory_core.models.losses.box_parts import UprightBoxLoss
from factory_core.models.losses.dense import LEAST_WEIGHT, DenseBoxes, Truth, shares


@dataclass(frozen=True)
class DistributionBoxes(DenseBoxes, DistributionLoss):
    """Classes that say how well a box lies, boxes, and the distributions of their sides.

    Generalised focal loss (Li et al. 2020, https://arxiv.org/abs/2006.04388). Rows that are
    sure of their class count more for their box, as in its code.

    Args:
        classes: Compares the classes of all rows; the paper's is `quality_focal`.
        boxes: Compares the boxes of those with an object.
        box_weight: Weight of the boxes against the classes.
        distribution_weight: Weight of the distributions against the classes.
    """

    boxes: UprightBoxLoss
    distribution_weight: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(0, distribution_weight=self.distribution_weight)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, row, 5)`: box, class.
            output: `(batch, row, 7 + 4 * (BINS + 1) + class)`: place, box, logits of the
                distances to left, top, right and lower side, logits of the classes.
        """
        rows = split(output, box=4, extra=4 * (BINS + 1))
        truth = Truth.of(target, num_classes=rows.logits.shape[-1])
        found = truth.where_object(rows.boxes, truth.boxes)
        sure = ops.stop_gradient(ops.max(ops.sigmoid(rows.logits), axis=-1))
        weight = truth.has_object * sure
        compared = self.compare(truth, rows.logits, wanted=truth.boxes, found=found, weight=weight)
        of_sides = weight * _distribution_focal(truth, rows)
        of_sides = shares(of_sides, by=weight, least=LEAST_WEIGHT)
        return compared + self.distribution_weight * of_sides


def _distribution_focal(truth: Truth, rows: Rows) -> Tensor:
    """Cross-entropy with the two parts around the true distance (equation 6), `(batch, row)`."""
    sides = [rows.xy_px - truth.boxes[..., :2], truth.boxes[..., 2:] - rows.xy_px]
    distance = ops.concatenate(sides, axis=-1) / rows.stride_px
    distance = ops.clip(distance, 0.0, BINS - 0.01)[..., None]
    parts = ops.arange(BINS + 1, dtype="float32")
    near = ops.maximum(1.0 - ops.abs(parts - distance), 0.0)
    logits = ops.reshape(rows.extra, (-1, rows.extra.shape[1], 4, BINS + 1))
    return -ops.sum(near * ops.log_softmax(logits, axis=-1), axis=(-2, -1)) / 4
