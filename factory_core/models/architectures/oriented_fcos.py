"""Oriented FCOS: every point says how far the sides of a turned box are, and its angle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras import layers, ops

from factory_core.dataset.sample import Form
from factory_core.models.boxes.dense_model import DenseModel
from factory_core.models.boxes.oriented import canonical
from factory_core.models.boxes.rows import FIRST_LOGIT, best, places, split
from factory_core.models.head import head
from factory_core.models.interface import OrientedPointLoss, Task, Tensor


@dataclass(frozen=True, kw_only=True)
class OrientedFCOS(DenseModel):
    """FCOS whose distances run along the sides of the box, with an angle beside them.

    FCOS (Tian et al. 2019, https://arxiv.org/abs/1904.01355) for oriented boxes as in MMRotate
    (Zhou et al. 2022, https://arxiv.org/abs/2204.13317), "rotated FCOS", le90. Differs: as our
    `fcos` does from its paper; boxes are compared as Gaussians, for which an angle past the
    end of its range is one like any other.

    Args:
        loss: What training makes small. The other fields are those of `DenseModel`.
    """

    task: ClassVar[Task] = "oriented_boxes"
    form: ClassVar[Form] = "oriented_boxes"

    loss: OrientedPointLoss

    def head(self, x: Tensor, *, num_classes: int, name: str) -> Tensor:
        """Four raw distances, the angle, the logit of the centre-ness, logits of the classes."""
        box = self.tower(x, name=f"{name}_box")
        classes = self.tower(x, name=f"{name}_class")
        return layers.Concatenate(dtype="float32", name=f"{name}_all")(
            [
                head(box, 4, name=f"{name}_sides", bias=1.0),
                head(box, 1, name=f"{name}_angle"),
                head(box, 1, name=f"{name}_centre"),
                head(classes, num_classes, name=f"{name}_classes", bias=FIRST_LOGIT),
            ]
        )

    def rows(self, x: Tensor, *, stride_px: int) -> Tensor:
        """Distances and angle as boxes in pixels, each with its place."""
        place = places(x, stride_px=stride_px)
        sides, angle = ops.softplus(x[..., :4]) * (2.0 * stride_px), x[..., 4:5]
        offset = (sides[..., 2:] - sides[..., :2]) / 2
        along, across = offset[..., :1], offset[..., 1:]
        cosine, sine = ops.cos(angle), ops.sin(angle)
        return ops.concatenate(
            [
                place,
                place[..., :1] + cosine * along - sine * across,
                place[..., 1:2] + sine * along + cosine * across,
                sides[..., :2] + sides[..., 2:],
                x[..., 4:],
            ],
            axis=-1,
        )

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 5)`, `scores`, `classes`."""
        found = split(output, box=5, extra=1)
        scores = ops.sqrt(ops.sigmoid(found.logits) * ops.sigmoid(found.extra))
        outputs = best(found.boxes, scores, most=self.max_boxes)
        return outputs | {"boxes": canonical(outputs["boxes"])}
