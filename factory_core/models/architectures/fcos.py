"""FCOS: every point of a pyramid says how far the sides of its object are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras import layers, ops

from factory_core.dataset.sample import Form
from factory_core.models.boxes.dense_model import DenseModel
from factory_core.models.boxes.rows import FIRST_LOGIT, best, places, split
from factory_core.models.head import head
from factory_core.models.interface import PointLoss, Task, Tensor


@dataclass(frozen=True, kw_only=True)
class FCOS(DenseModel):
    """Classes, centre-ness and distances to four sides at every point, no anchors.

    FCOS (Tian et al. 2019, https://arxiv.org/abs/1904.01355), with the improvements of its
    later version (https://arxiv.org/abs/2006.09214): centre-ness beside the box, distances in
    strides, points near the centre, scores as the geometric mean of class and centre-ness.
    Differs: a softplus keeps distances above 0, not an exponential with a scale a level; the
    pyramid begins at `stride_px`, so that objects of ten pixels have a level; heads are as
    deep as stated, and any brick normalises them.

    Args:
        loss: What training makes small. The other fields are those of `DenseModel`.
    """

    task: ClassVar[Task] = "boxes"
    form: ClassVar[Form] = "boxes"

    loss: PointLoss

    def head(self, x: Tensor, *, num_classes: int, name: str) -> Tensor:
        """Four raw distances, the logit of the centre-ness, logits of the classes."""
        box = self.tower(x, name=f"{name}_box")
        classes = self.tower(x, name=f"{name}_class")
        return layers.Concatenate(dtype="float32", name=f"{name}_all")(
            [
                head(box, 4, name=f"{name}_sides", bias=1.0),
                head(box, 1, name=f"{name}_centre"),
                head(classes, num_classes, name=f"{name}_classes", bias=FIRST_LOGIT),
            ]
        )

    def rows(self, x: Tensor, *, stride_px: int) -> Tensor:
        """Distances as boxes in pixels, each with its place."""
        place = places(x, stride_px=stride_px)
        sides = ops.softplus(x[..., :4]) * (2.0 * stride_px)
        low, high = place[..., :2] - sides[..., :2], place[..., :2] + sides[..., 2:]
        return ops.concatenate([place, low, high, x[..., 4:]], axis=-1)

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 4)`, `scores`, `classes`."""
        found = split(output, box=4, extra=1)
        scores = ops.sqrt(ops.sigmoid(found.logits) * ops.sigmoid(found.extra))
        return best(found.boxes, scores, most=self.max_boxes)
