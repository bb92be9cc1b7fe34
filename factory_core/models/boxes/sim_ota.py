"""Assignment by what the network finds: the rows that suit an object best learn it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from keras import ops

from factory_core.kernel.limits import check_above, check_at_least
from factory_core.models.boxes.assigner import PredictionAssigner
from factory_core.models.boxes.rows import Rows
from factory_core.models.interface import Tensor

NEVER = 1e8
SMALL = 1e-7


class _Fit(NamedTuple):
    """Pairs of labels and rows, `(batch, label, row)`."""

    iou: Tensor
    cost: Tensor
    possible: Tensor


@dataclass(frozen=True)
class SimOta(PredictionAssigner):
    """Each object takes as many rows as it is found well by, those of the least cost.

    SimOTA of YOLOX (Ge et al. 2021, https://arxiv.org/abs/2107.08430, section 2.1), after OTA
    (Ge et al. 2021, https://arxiv.org/abs/2103.14259), with the constants of its published
    code. Differs from that code: rows of equal cost are all taken.

    Args:
        radius_strides: Rows so near the centre of an object may learn it, and those inside it.
        candidates: The overlaps of so many rows, the best, add up to the number that is taken.
        box_weight: Weight of the boxes against the classes in the cost.
    """

    radius_strides: float = 2.5
    candidates: int = 10
    box_weight: float = 3.0

    def __post_init__(self) -> None:
        check_above(0, radius_strides=self.radius_strides)
        check_at_least(1, candidates=self.candidates)
        check_at_least(0, box_weight=self.box_weight)

    def __call__(self, labels: Tensor, rows: Rows) -> Tensor:
        """What each row has to find, `(batch, row, 5)`: box and 1 + class, 0 for none."""
        fit = self._fit(labels, rows)
        count = min(self.candidates, fit.cost.shape[-1])
        best = ops.sum(ops.top_k(fit.iou * fit.possible, count)[0], axis=-1)
        taken = ops.clip(ops.cast(best, "int32"), 1, count)
        least = -ops.top_k(-fit.cost, count)[0]
        limit = ops.take_along_axis(least, taken[..., None] - 1, axis=-1)
        match = ops.cast(fit.cost <= limit, "float32") * fit.possible
        often = ops.sum(match, axis=1)
        cheapest, only = ops.argmin(fit.cost, axis=1), ops.argmax(match, axis=1)
        chosen = ops.where(often > 1, cheapest, only)
        found = ops.take_along_axis(labels, ops.cast(chosen, "int32")[..., None], axis=1)
        return ops.stop_gradient(found * ops.cast(often > 0, "float32")[..., None])

    def _fit(self, labels: Tensor, rows: Rows) -> _Fit:
        boxes = labels[..., None, :4]
        inside, central = self._near(boxes, rows)
        real = ops.cast(labels[..., 4:] > 0, "float32")
        anywhere = ops.max(real * ops.maximum(inside, central), axis=1, keepdims=True)
        possible = real * anywhere
        iou = _iou(boxes, rows.boxes[:, None])
        cost = _class_cost(labels[..., 4], rows) - self.box_weight * ops.log(iou + SMALL)
        cost = cost + 1e5 * (1.0 - inside * central)
        return _Fit(iou, ops.where(possible > 0, cost, NEVER), possible)

    def _near(self, boxes: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
        """Whether each row lies in each box, and near its centre, `(batch, label, row)`."""
        xy, reach = rows.xy_px[:, None], self.radius_strides * rows.stride_px[:, None]
        sides = ops.minimum(xy - boxes[..., :2], boxes[..., 2:] - xy)
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        inside = ops.all(sides > 0, axis=-1)
        central = ops.all(ops.abs(xy - centre) < reach, axis=-1)
        return ops.cast(inside, "float32"), ops.cast(central, "float32")


def _class_cost(numbers: Tensor, rows: Rows) -> Tensor:
    """Cross-entropy of the scores of each row with the class of each label."""
    score = ops.sqrt(ops.sigmoid(rows.logits) * ops.sigmoid(rows.extra))
    empty = -ops.log(ops.maximum(1.0 - score, SMALL))
    there = -ops.log(ops.maximum(score, SMALL))
    classes = ops.arange(1, rows.logits.shape[-1] + 1, dtype="int32")
    truth = ops.cast(ops.cast(numbers, "int32")[..., None] == classes, "float32")
    extra = ops.matmul(truth, ops.transpose(there - empty, (0, 2, 1)))
    return extra + ops.sum(empty, axis=-1)[:, None]


def _iou(one: Tensor, two: Tensor) -> Tensor:
    low = ops.maximum(one[..., :2], two[..., :2])
    sides = ops.maximum(ops.minimum(one[..., 2:], two[..., 2:]) - low, 0.0)
    shared = sides[..., 0] * sides[..., 1]
    union = _area(one) + _area(two) - shared
    return shared / ops.maximum(union, SMALL)


def _area(boxes: Tensor) -> Tensor:
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]
