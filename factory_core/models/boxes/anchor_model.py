"""What models with anchors of several shapes share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from keras import layers, ops

from factory_core.kernel.limits import check_above, check_at_least
from factory_core.models.boxes.dense_model import DenseModel
from factory_core.models.boxes.rows import FIRST_LOGIT, PLACE, places
from factory_core.models.head import head
from factory_core.models.interface import Tensor

# No anchor grows more than 62 times (Faster R-CNN in Detectron, ln(1000 / 16)).
MOST_GROWTH = float(np.log(1000 / 16))


@dataclass(frozen=True, kw_only=True)
class AnchorModel(DenseModel):
    """A dense model with anchors of several sizes and shapes on each cell.

    Args:
        anchor_strides: Side of the smallest square anchor in strides of its level.
        scales: Anchors of so many sizes, up to twice the smallest, which is the next level's.
        ratios: Length in x over length in y of the anchors of each size. The other fields are
            those of `DenseModel`.
    """

    numbers: ClassVar[int]

    anchor_strides: float = 3.0
    scales: int = 3
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least(1, scales=self.scales)
        check_above(0, anchor_strides=self.anchor_strides, ratios=self.ratios)

    @property
    def shapes(self) -> tuple[tuple[float, float, float], ...]:
        """Length and width in strides, and angle, of the anchors of a cell."""
        sides = [self.anchor_strides * 2 ** (s / self.scales) for s in range(self.scales)]
        return tuple((s * r**0.5, s / r**0.5, 0.0) for s in sides for r in self.ratios)

    @abstractmethod
    def boxes(self, raw: Tensor, place: Tensor, sizes: Tensor) -> Tensor:
        """What the network says of anchors, as boxes in pixels.

        Args:
            raw: `(batch, rows, columns, anchor, numbers)`.
            place: x and y of the centres, that they can be added to.
            sizes: Sides of the anchors in pixels, that they can be multiplied by.
        """

    def head(self, x: Tensor, *, num_classes: int, name: str) -> Tensor:
        """`numbers` raw numbers and the logits of the classes, anchor by anchor."""
        shapes, sides = len(self.shapes), x.shape[1:3]
        box = self.tower(x, name=f"{name}_box")
        classes = self.tower(x, name=f"{name}_class")
        box = head(box, shapes * self.numbers, name=f"{name}_boxes")
        classes = head(classes, shapes * num_classes, name=f"{name}_classes", bias=FIRST_LOGIT)
        pieces = [
            layers.Reshape(
                (*sides, shapes, self.numbers), dtype="float32", name=f"{name}_boxes_apart"
            )(box),
            layers.Reshape(
                (*sides, shapes, num_classes), dtype="float32", name=f"{name}_classes_apart"
            )(classes),
        ]
        return layers.Concatenate(dtype="float32", name=f"{name}_all")(pieces)

    def rows(self, x: Tensor, *, stride_px: int) -> Tensor:
        """Anchors with their places, `(batch, rows, columns, anchor * number)`."""
        _, rows, columns, shapes, numbers = x.shape
        place = ops.expand_dims(places(x[..., 0], stride_px=stride_px), -2)
        place = ops.zeros_like(x[..., :1]) + place
        sizes = np.array([shape[:2] for shape in self.shapes], "float32") * stride_px
        boxes = self.boxes(x[..., : self.numbers], place[..., :2], sizes)
        found = ops.concatenate([place, boxes, x[..., self.numbers :]], axis=-1)
        return layers.Reshape((rows, columns, shapes * (PLACE + numbers)), dtype="float32")(found)


def moved(raw: Tensor, place: Tensor, sizes: Tensor) -> Tensor:
    """Centres that lie `raw` sides of their anchor from its centre."""
    return place + raw * sizes


def sized(raw: Tensor, sizes: Tensor) -> Tensor:
    """Sides of anchors that have grown by the exponential of `raw`."""
    return ops.exp(ops.minimum(raw, MOST_GROWTH)) * sizes
