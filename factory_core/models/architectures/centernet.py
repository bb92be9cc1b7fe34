"""An anchor-free box model over any encoder: image to boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from keras import layers, ops

from factory_core.dataset.sample import Boxes, Form
from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, FineNeck
from factory_core.models.head import head
from factory_core.models.interface import CentreLoss, Encoder, Model, Task, Tensor
from factory_core.models.measure import average_precision

# Half of an object's side is this many deviations of its hill in the heat map
# (TTFNet: alpha = 0.54, a sixth of it).
SHARE_OF_BOX = 0.54
DEVIATIONS = 6.0
FIRST_SCORE = 0.05


@dataclass(frozen=True)
class CenterNet(Model):
    """Centres as peaks of a heat map, and the sides of the box around each.

    CenterNet (Zhou et al. 2019, https://arxiv.org/abs/1904.07850) with the boxes of TTFNet
    (Liu et al. 2019, https://arxiv.org/abs/1909.00700), which learns them from all pixels
    near a centre and so in a tenth of the steps.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What neck and heads are made of.
        neck: Brings what coarse features know to the finest ones, which alone are read.
        width: Channels of the neck and of the heads.
        depth: Blocks of each head.
        stride_px: Pixels of the image a pixel of the heat map, 2, 4 or 8; at most half of
            the smallest object.
        max_boxes: Most boxes of a window.
    """

    task: ClassVar[Task] = "boxes"
    form: ClassVar[Form] = "boxes"

    encoder: Encoder
    loss: CentreLoss
    bricks: Bricks
    neck: FineNeck
    width: int = 64
    depth: int = 1
    stride_px: int = 4
    max_boxes: int = 100

    def __post_init__(self) -> None:
        if self.stride_px not in (2, 4, 8):
            raise ValueError(
                f"`stride_px` must be 2, 4 or 8. Received: stride_px={self.stride_px}."
            )
        check_at_least(1, width=self.width, depth=self.depth, max_boxes=self.max_boxes)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to `(batch, rows, columns, class + 4)`: logits of the heat map, sides in pixels."""
        features = self.encoder.features(image)
        levels = features[self.stride_px.bit_length() - 2 :]
        heat = sides = self.neck(levels, self.width, bricks=self.bricks, name="neck")[0]
        block = partial(self.bricks.block, channels=self.width, bricks=self.bricks)
        for number in range(1, self.depth + 1):
            heat = block(heat, name=f"centre_{number}")
            sides = block(sides, name=f"sides_{number}")
        logit = float(np.log(FIRST_SCORE / (1 - FIRST_SCORE)))
        heat = head(heat, num_classes, name="centre", bias=logit)
        sides = head(sides, 4, name="sides", bias=1.0)
        sides = ops.softplus(sides) * (2.0 * self.stride_px)
        return layers.Concatenate(dtype="float32", name="centre_and_sides")([heat, sides])

    def encode(
        self, labels: Sequence[Boxes], *, shape: tuple[int, int], num_classes: int
    ) -> np.ndarray:
        """Boxes to `(batch, rows, columns, class + 5)` float32: heat map, sides, weight.

        A box has a hill in the heat map of its class, 1 at its centre; near the centre its
        sides are stated and weighted. Where boxes overlap the smaller one is stated.
        """
        rows, columns = (side // self.stride_px for side in shape)
        target = np.zeros((len(labels), rows, columns, num_classes + 5), np.float32)
        for window, boxes in zip(target, labels, strict=True):
            sizes = np.prod(boxes.xyxy_px[:, 2:] - boxes.xyxy_px[:, :2], axis=1)
            for index in np.argsort(-sizes, kind="stable"):
                self._draw(window, boxes.xyxy_px[index], int(boxes.classes[index]))
        return target

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """Raw outputs to the best `k` peaks of a window, best first.

        Returns:
            `boxes` `(batch, k, 4)` x_min, y_min, x_max, y_max in pixels of the window,
            `scores` `(batch, k)`, `classes` `(batch, k)` int32.
        """
        _, rows, columns, channels = output.shape
        num_classes = channels - 4
        heat = ops.sigmoid(output[..., :num_classes])
        peaks = heat * ops.cast(heat >= ops.max_pool(heat, 3, strides=1, padding="same"), "float32")
        count = min(self.max_boxes, rows * columns * num_classes)
        scores, found = ops.top_k(ops.reshape(peaks, (-1, rows * columns * num_classes)), count)
        classes, cells = found % num_classes, found // num_classes
        sides = ops.reshape(output[..., num_classes:], (-1, rows * columns, 4))
        sides = ops.take_along_axis(sides, cells[..., None], axis=1)
        x = (ops.cast(cells % columns, "float32") + 0.5) * self.stride_px
        y = (ops.cast(cells // columns, "float32") + 0.5) * self.stride_px
        centres = ops.stack([x, y, x, y], axis=-1)
        return {
            "boxes": centres + sides * np.array([-1, -1, 1, 1], "float32"),
            "scores": scores,
            "classes": ops.cast(classes, "int32"),
        }

    def measure(self, labels: Sequence[Boxes], outputs: dict[str, np.ndarray]) -> float:
        """Average precision of the boxes."""
        return average_precision(labels, outputs)

    def _draw(self, target: np.ndarray, xyxy_px: np.ndarray, class_index: int) -> None:
        """Add one box to the target `(rows, columns, class + 5)` of its window."""
        rows, columns, _ = target.shape
        x_px = (np.arange(columns, dtype=np.float32) + 0.5) * self.stride_px
        y_px = (np.arange(rows, dtype=np.float32) + 0.5) * self.stride_px
        x_min, y_min, x_max, y_max = xyxy_px
        column = min(int((x_min + x_max) / 2 / self.stride_px), columns - 1)
        row = min(int((y_min + y_max) / 2 / self.stride_px), rows - 1)
        hill = np.outer(
            _hill(y_px, y_px[row], max(y_max - y_min, self.stride_px)),
            _hill(x_px, x_px[column], max(x_max - x_min, self.stride_px)),
        )
        heat = target[..., class_index]
        np.maximum(heat, hill, out=heat)
        sides = np.stack(
            np.broadcast_arrays(
                x_px - x_min, (y_px - y_min)[:, None], x_max - x_px, (y_max - y_px)[:, None]
            ),
            axis=-1,
        )
        inside = (hill > 0) & (sides.min(axis=-1) > 0)
        inside[row, column] = True
        target[inside, -5:-1] = np.maximum(sides[inside], 0)
        # A large box has many pixels: its logarithm keeps it from drowning the small ones.
        total = np.log(max((x_max - x_min) * (y_max - y_min), 2.0)) / hill[inside].sum()
        target[inside, -1] = hill[inside] * total


def _hill(at_px: np.ndarray, centre_px: np.ndarray, side_px: float) -> np.ndarray:
    """A Gaussian over the middle of a box's side, 0 outside it."""
    radius = SHARE_OF_BOX * side_px / 2
    hill = np.exp(-0.5 * ((at_px - centre_px) / (2 * radius / DEVIATIONS)) ** 2)
    return np.where(np.abs(at_px - centre_px) <= radius, hill, 0.0).astype(np.float32)
