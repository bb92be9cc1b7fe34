"""YOLOX: a head of its own a level, and rows that are assigned by what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from keras import layers, ops

from factory_core.dataset.sample import Boxes, Form
from factory_core.models.boxes.anchor_model import MOST_GROWTH
from factory_core.models.boxes.dense_model import PyramidModel
from factory_core.models.boxes.rows import FIRST_LOGIT, best, places, split, stack
from factory_core.models.head import head
from factory_core.models.interface import AssigningLoss, Task, Tensor


@dataclass(frozen=True, kw_only=True)
class YOLOX(PyramidModel):
    """Anchor-free, with decoupled heads, and objects that take the rows that suit them.

    YOLOX (Ge et al. 2021, https://arxiv.org/abs/2107.08430): classes apart from boxes and
    objectness, one prediction a cell, SimOTA. Differs: any encoder, neck and brick, where the
    paper has CSPDarknet, PAN and SiLU; the pyramid begins at `stride_px`; cells predict from
    their middle and not from their corner; strong augmentation is configured elsewhere.

    Args:
        loss: What training makes small. The other fields are those of `PyramidModel`.
    """

    task: ClassVar[Task] = "boxes"
    form: ClassVar[Form] = "boxes"

    loss: AssigningLoss

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to `(batch, row, 8 + class)`: place, box, logit of any object, logits."""
        rows = [
            self._rows(x, stride_px=stride, num_classes=num_classes, name=f"head_{stride}")
            for x, stride in zip(self.pyramid(image), self.strides_px, strict=True)
        ]
        return stack(rows)

    def encode(
        self, labels: Sequence[Boxes], *, shape: tuple[int, int], num_classes: int
    ) -> np.ndarray:
        """Boxes to `(batch, label, 5)` float32, box and 1 + class, 0 behind the last one.

        The number of labels is a power of two, so that a training compiles few shapes.
        """
        del shape, num_classes
        most = max([8, *(len(boxes) for boxes in labels)])
        target = np.zeros((len(labels), 2 ** (most - 1).bit_length(), 5), np.float32)
        for window, boxes in zip(target, labels, strict=True):
            window[: len(boxes), :4] = boxes.xyxy_px
            window[: len(boxes), 4] = boxes.classes + 1
        return target

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 4)`, `scores`, `classes`."""
        found = split(output, box=4, extra=1)
        scores = ops.sigmoid(found.logits) * ops.sigmoid(found.extra)
        return best(found.boxes, scores, most=self.max_boxes)

    def _rows(self, x: Tensor, *, stride_px: int, num_classes: int, name: str) -> Tensor:
        x = self.bricks.conv(x, self.width, name=f"{name}_stem", kernel_px=1)
        box = self.tower(x, name=f"{name}_box")
        classes = self.tower(x, name=f"{name}_class")
        raw = head(box, 4, name=f"{name}_boxes", bias=1.0)
        place = places(x, stride_px=stride_px)
        centre = place[..., :2] + (raw[..., :2] - 1.0) * stride_px
        half = ops.exp(ops.minimum(raw[..., 2:], MOST_GROWTH)) * (stride_px / 2)
        return layers.Concatenate(dtype="float32", name=f"{name}_all")(
            [
                place,
                centre - half,
                centre + half,
                head(box, 1, name=f"{name}_object", bias=FIRST_LOGIT),
                head(classes, num_classes, name=f"{name}_classes", bias=FIRST_LOGIT),
            ]
        )
