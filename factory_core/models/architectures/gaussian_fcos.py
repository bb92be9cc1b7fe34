"""Gaussian FCOS: every point says the mean and the covariance of its object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras import layers, ops

from factory_core.dataset.sample import Form
from factory_core.models.boxes.dense_model import DenseModel
from factory_core.models.boxes.oriented import boxes_of
from factory_core.models.boxes.rows import FIRST_LOGIT, best, places, split
from factory_core.models.head import head
from factory_core.models.interface import GaussianLoss, Task, Tensor


@dataclass(frozen=True, kw_only=True)
class GaussianFCOS(DenseModel):
    """FCOS that learns Gaussians and has no angle until they become boxes.

    Objects as Gaussians under the Kullback-Leibler divergence (Yang et al. 2021,
    https://arxiv.org/abs/2106.01883), on the points, levels and centre-ness of FCOS (Tian et
    al. 2019, https://arxiv.org/abs/1904.01355). Differs from the former, whose network gives
    sides and an angle: here it gives the Gaussian itself, the mean as an offset from the
    point and the covariance by its Cholesky factor, so that nothing jumps where an angle
    turns over or where length and width change places. Boxes come from the eigenvectors.

    Args:
        loss: What training makes small. The other fields are those of `DenseModel`.
    """

    task: ClassVar[Task] = "oriented_boxes"
    form: ClassVar[Form] = "oriented_boxes"

    loss: GaussianLoss

    def head(self, x: Tensor, *, num_classes: int, name: str) -> Tensor:
        """Offset, deviations, skew, the logit of the centre-ness, logits of the classes."""
        box = self.tower(x, name=f"{name}_box")
        classes = self.tower(x, name=f"{name}_class")
        return layers.Concatenate(dtype="float32", name=f"{name}_all")(
            [
                head(box, 2, name=f"{name}_offset"),
                head(box, 2, name=f"{name}_deviations", bias=1.0),
                head(box, 1, name=f"{name}_skew"),
                head(box, 1, name=f"{name}_centre"),
                head(classes, num_classes, name=f"{name}_classes", bias=FIRST_LOGIT),
            ]
        )

    def rows(self, x: Tensor, *, stride_px: int) -> Tensor:
        """Gaussians in pixels, each with its place."""
        place = places(x, stride_px=stride_px)
        deviations = ops.softplus(x[..., 2:4]) * (2.0 * stride_px)
        first, second, skew = deviations[..., :1], deviations[..., 1:], x[..., 4:5] * stride_px
        return ops.concatenate(
            [
                place,
                place[..., :2] + x[..., :2] * stride_px,
                first**2,
                skew**2 + second**2,
                first * skew,
                x[..., 5:],
            ],
            axis=-1,
        )

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 5)`, `scores`, `classes`."""
        found = split(output, box=5, extra=1)
        scores = ops.sqrt(ops.sigmoid(found.logits) * ops.sigmoid(found.extra))
        outputs = best(found.boxes, scores, most=self.max_boxes)
        return outputs | {"boxes": boxes_of(outputs["boxes"])}
