"""The loss of centre heat maps and box sides."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.interface import CentreLoss, Tensor


@dataclass(frozen=True)
class CentreFocal(CentreLoss):
    """Penalty-reduced focal loss of the centres plus GIoU of the boxes around them.

    The focal loss is that of CenterNet (Zhou et al. 2019, https://arxiv.org/abs/1904.07850,
    equation 1); GIoU (Rezatofighi et al. 2019, https://arxiv.org/abs/1902.09630) is weighted
    by the nearness to the centre, as in TTFNet (Liu et al. 2019,
    https://arxiv.org/abs/1909.00700).

    Args:
        box_weight: Weight of the boxes against the centres.
        focus: Power that turns the attention from easy pixels to hard ones.
        near: Power that forgives scores near a centre.
    """

    box_weight: float = 2.0
    focus: float = 2.0
    near: float = 4.0

    def __post_init__(self) -> None:
        check_at_least(0, box_weight=self.box_weight, focus=self.focus, near=self.near)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, rows, columns, class + 5)`: heat map, distances in pixels to the
                left, top, right and lower side, weight of the box.
            output: `(batch, rows, columns, class + 4)`: logits of the heat map, distances.
        """
        heat, sides, weight = target[..., :-5], target[..., -5:-1], target[..., -1]
        logits, found = output[..., :-4], output[..., -4:]
        count = ops.maximum(ops.sum(ops.cast(heat >= 1.0, "float32")), 1.0)
        centres = self._focal(heat, logits) / count
        boxes = weight * (1.0 - _giou(sides, found))
        boxes = ops.sum(boxes, axis=(1, 2)) / ops.maximum(ops.sum(weight), 1e-6)
        return ops.cast(ops.shape(target)[0], "float32") * (centres + self.box_weight * boxes)

    def _focal(self, heat: Tensor, logits: Tensor) -> Tensor:
        score = ops.sigmoid(logits)
        centre = ops.cast(heat >= 1.0, "float32")
        hit = centre * (1.0 - score) ** self.focus * ops.log_sigmoid(logits)
        away = (1.0 - heat) ** self.near * score**self.focus * ops.log_sigmoid(-logits)
        return -ops.sum(hit + (1.0 - centre) * away, axis=(1, 2, 3))


def _giou(sides: Tensor, found: Tensor) -> Tensor:
    """Generalised IoU of boxes around the same point, from the distances to their sides."""
    area = (sides[..., 0] + sides[..., 2]) * (sides[..., 1] + sides[..., 3])
    area_found = (found[..., 0] + found[..., 2]) * (found[..., 1] + found[..., 3])
    low, high = ops.minimum(sides, found), ops.maximum(sides, found)
    shared = (low[..., 0] + low[..., 2]) * (low[..., 1] + low[..., 3])
    hull = (high[..., 0] + high[..., 2]) * (high[..., 1] + high[..., 3])
    union = area + area_found - shared
    return shared / ops.maximum(union, 1e-6) - (hull - union) / ops.maximum(hull, 1e-6)
