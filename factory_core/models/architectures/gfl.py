"""GFL: sides as distributions, and scores that say how well a box lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from keras import layers, ops

from factory_core.dataset.sample import Form
from factory_core.models.boxes.dense_model import DenseModel
from factory_core.models.boxes.rows import BINS, FIRST_LOGIT, best, places, split
from factory_core.models.head import head
from factory_core.models.interface import DistributionLoss, Task, Tensor

# Distances before training: mostly below three strides. An even distribution begins at eight,
# around a box that no object fills, and no score grows until it does.
FIRST_SIDE = np.arange(BINS + 1, dtype="float32") * -0.5


@dataclass(frozen=True, kw_only=True)
class GFL(DenseModel):
    """One score for class and quality, and the distance to each side as a distribution.

    Generalised focal loss (Li et al. 2020, https://arxiv.org/abs/2006.04388) on points
    assigned by ATSS (Zhang et al. 2020, https://arxiv.org/abs/1912.02424). Differs: the
    pyramid begins at `stride_px`, so that objects of ten pixels have a level; heads are as deep
    as stated, any brick normalises them, distances have no scale of their own a level, and
    begin short and not evenly distributed.

    Args:
        loss: What training makes small. The other fields are those of `DenseModel`.
    """

    task: ClassVar[Task] = "boxes"
    form: ClassVar[Form] = "boxes"

    loss: DistributionLoss

    def head(self, x: Tensor, *, num_classes: int, name: str) -> Tensor:
        """Logits of the distances to four sides and of the classes."""
        box = self.tower(x, name=f"{name}_box")
        classes = self.tower(x, name=f"{name}_class")
        return layers.Concatenate(dtype="float32", name=f"{name}_all")(
            [
                head(box, 4 * (BINS + 1), name=f"{name}_sides"),
                head(classes, num_classes, name=f"{name}_classes", bias=FIRST_LOGIT),
            ]
        )

    def rows(self, x: Tensor, *, stride_px: int) -> Tensor:
        """Boxes by the mean of each distribution, each with its place."""
        _, height, width, _ = x.shape
        place = places(x, stride_px=stride_px)
        numbers = 4 * (BINS + 1)
        # Not where the convolution adds its bias: tf2onnx would fuse both, and no Conv has two.
        logits = ops.reshape(x[..., :numbers], (-1, height, width, 4, BINS + 1)) + FIRST_SIDE
        shares = ops.softmax(logits)
        sides = ops.matmul(shares, np.arange(BINS + 1, dtype="float32")[:, None])[..., 0]
        sides = sides * float(stride_px)
        low, high = place[..., :2] - sides[..., :2], place[..., :2] + sides[..., 2:]
        logits = ops.reshape(logits, (-1, height, width, numbers))
        return ops.concatenate([place, low, high, logits, x[..., numbers:]], axis=-1)

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 4)`, `scores`, `classes`."""
        found = split(output, box=4, extra=4 * (BINS + 1))
        return best(found.boxes, ops.sigmoid(found.logits), most=self.max_boxes)
