"""What box models share that look everywhere at once: a pyramid, one head, targets by rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from factory_core.kernel.limits import check_at_least
from factory_core.models.boxes.anchors import Anchors, anchors
from factory_core.models.boxes.assigner import Assigner
from factory_core.models.boxes.geometry import as_xylwa
from factory_core.models.boxes.rows import stack
from factory_core.models.boxes.shared import over_levels
from factory_core.models.bricks.interface import Bricks, Neck
from factory_core.models.interface import Encoder, Model, Tensor
from factory_core.models.measure import average_precision

# Sides of the anchor of a point, in strides, for assigners that ask for overlaps
# (ATSS, Zhang et al. 2020, https://arxiv.org/abs/1912.02424, section 3.3, has 8 from stride 8
# on; small objects need small ones).
POINT_SIDE = 4.0


@dataclass(frozen=True, kw_only=True)
class PyramidModel(Model):
    """A box model whose head looks at the maps of a pyramid.

    Args:
        encoder: What sees the image.
        bricks: What neck and heads are made of.
        neck: Lets the levels see each other.
        width: Channels of the neck and of the heads.
        depth: Blocks of each head.
        stride_px: Pixels of the window a cell of the finest level; at most half of the
            smallest object.
        extra_levels: Levels coarser than those of the encoder, for large objects; each
            doubles what the sides of a window must be divisible by.
        max_boxes: Most candidates of a window; several lie on each object until
            post-processing leaves one.
    """

    encoder: Encoder
    bricks: Bricks
    neck: Neck
    width: int = 64
    depth: int = 2
    stride_px: int = 4
    extra_levels: int = 1
    max_boxes: int = 500

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth, max_boxes=self.max_boxes)
        check_at_least(0, extra_levels=self.extra_levels)
        finest = [2**level for level in range(1, self.encoder.levels + 1)]
        if self.stride_px not in finest:
            raise ValueError(
                f"`stride_px` must be one of {finest} with this encoder. "
                f"Received: stride_px={self.stride_px}."
            )

    @property
    def strides_px(self) -> tuple[int, ...]:
        """Pixels of the window a cell of each level, finest first."""
        coarsest = self.divisor_px.bit_length()
        return tuple(2**level for level in range(self.stride_px.bit_length() - 1, coarsest))

    @property
    def divisor_px(self) -> int:
        """What the sides of a window must be divisible by."""
        return int(2 ** (self.encoder.levels + self.extra_levels))

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Maps of `width` channels, one a level, finest first."""
        features = self.encoder.features(image)[self.stride_px.bit_length() - 2 :]
        maps = [*self.neck(features, self.width, bricks=self.bricks, name="neck")]
        for number in range(1, self.extra_levels + 1):
            name = f"coarser_{number}"
            maps.append(self.bricks.conv(maps[-1], self.width, name=name, stride=2))
        return maps

    def tower(self, x: Tensor, *, name: str) -> Tensor:
        """`depth` blocks, one after the other."""
        for number in range(1, self.depth + 1):
            x = self.bricks.block(x, self.width, bricks=self.bricks, name=f"{name}_{number}")
        return x

    def measure(self, labels: Sequence[Any], outputs: dict[str, np.ndarray]) -> float:
        """Average precision of the boxes."""
        return average_precision(labels, outputs)


@dataclass(frozen=True, kw_only=True)
class DenseModel(PyramidModel):
    """A pyramid model whose rows are given their labels before training sees them.

    Args:
        assigner: Says which rows learn which label. The other fields are those of
            `PyramidModel`.
    """

    assigner: Assigner

    @abstractmethod
    def head(self, x: Tensor, *, num_classes: int, name: str) -> Tensor:
        """A map of the pyramid to the numbers of its rows."""

    @abstractmethod
    def rows(self, x: Tensor, *, stride_px: int) -> Tensor:
        """What the head gives, as rows that say their place and their box in pixels."""

    @property
    def shapes(self) -> tuple[tuple[float, float, float], ...]:
        """Length and width in strides, and angle, of the anchors of a cell."""
        return ((POINT_SIDE, POINT_SIDE, 0.0),)

    def anchors(self, shape: tuple[int, int]) -> Anchors:
        """The anchors of a window of `shape`."""
        return anchors(shape, strides_px=self.strides_px, shapes=self.shapes)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to `(batch, row, number)`, as `boxes/rows.py` describes them."""
        maps = over_levels(
            self.pyramid(image), partial(self.head, num_classes=num_classes), name="head"
        )
        placed = [
            self.rows(x, stride_px=stride) for x, stride in zip(maps, self.strides_px, strict=True)
        ]
        return stack(placed, anchors=len(self.shapes))

    def encode(
        self, labels: Sequence[Any], *, shape: tuple[int, int], num_classes: int
    ) -> np.ndarray:
        """Labels to `(batch, row, 5 or 6)` float32: the box of each row, and its class.

        The class is 1 + its index, 0 for none, -1 where there is no opinion.
        """
        del num_classes  # classes are numbers here
        grid = self.anchors(shape)
        numbers = 5 if self.form == "oriented_boxes" else 4
        target = np.zeros((len(labels), len(grid.xylwa), numbers + 1), np.float32)
        for window, boxes in zip(target, labels, strict=True):
            label = self.assigner(as_xylwa(boxes), grid)
            has_object = label >= 0
            values = boxes.xylwa if self.form == "oriented_boxes" else boxes.xyxy_px
            window[:, -1] = np.minimum(label + 1, 0)
            window[has_object, :-1] = values[label[has_object]]
            window[has_object, -1] = boxes.classes[label[has_object]] + 1
        return target
