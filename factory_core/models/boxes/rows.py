"""What a row of a dense network's output holds, and the best rows as boxes.

A row is a point or an anchor of a pyramid level. It says where it stands (x, y and stride in
pixels), its box (4 or 5 numbers in pixels of the window), what only some networks say, and
the logits of the classes. Training states for each the box that it has to find and its class:
1 + index, 0 for none, -1 where there is no opinion.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from keras import layers, ops

from factory_core.models.interface import Tensor

PLACE = 3
# Parts of the distribution of a side's distance (Li et al. 2020, section 4, n = 16).
BINS = 16
# Scores before training: 0.01, or the many empty rows would drown the few others
# (Lin et al. 2017, https://arxiv.org/abs/1708.02002, section 3.3).
FIRST_LOGIT = float(np.log(0.01 / 0.99))


class Rows(NamedTuple):
    """The parts of an output `(batch, row, number)`.

    Attributes:
        xy_px: `(batch, row, 2)`, where the row stands.
        stride_px: `(batch, row, 1)`.
        boxes: `(batch, row, 4 or 5)`.
        extra: `(batch, row, extra)`.
        logits: `(batch, row, class)`.
    """

    xy_px: Tensor
    stride_px: Tensor
    boxes: Tensor
    extra: Tensor
    logits: Tensor


def split(output: Tensor, *, box: int, extra: int = 0) -> Rows:
    """The parts of an output, of which `box` numbers are its box and `extra` come after it."""
    first = PLACE + box
    return Rows(
        output[..., :2],
        output[..., 2:PLACE],
        output[..., PLACE:first],
        output[..., first : first + extra],
        output[..., first + extra :],
    )


def places(x: Tensor, *, stride_px: int) -> Tensor:
    """Where the cells of a map stand: `(batch, rows, columns, 3)`."""
    _, rows, columns, _ = x.shape
    grid = np.empty((1, rows, columns, PLACE), np.float32)
    grid[..., 0] = (np.arange(columns) + 0.5) * stride_px
    grid[..., 1] = (np.arange(rows)[:, None] + 0.5) * stride_px
    grid[..., 2] = stride_px
    return ops.zeros_like(x[..., :1], dtype="float32") + grid


def stack(maps: list[Tensor], *, anchors: int = 1) -> Tensor:
    """Maps of all levels, finest first, as one `(batch, row, number)` float32."""
    rows = [
        ops.reshape(x, (-1, x.shape[1] * x.shape[2] * anchors, x.shape[3] // anchors)) for x in maps
    ]
    return layers.Concatenate(axis=1, dtype="float32", name="rows")(rows) if rows[1:] else rows[0]


def best(boxes: Tensor, scores: Tensor, *, most: int) -> dict[str, Tensor]:
    """The `most` best pairs of a row and a class, best first.

    Args:
        boxes: `(batch, row, number)`.
        scores: `(batch, row, class)`.
        most: Rows of the result, if there are as many.
    """
    _, rows, num_classes = scores.shape
    flat = ops.reshape(scores, (-1, rows * num_classes))
    scores, found = ops.top_k(flat, min(most, rows * num_classes))
    return {
        "boxes": ops.take_along_axis(boxes, (found // num_classes)[..., None], axis=1),
        "scores": scores,
        "classes": ops.cast(found % num_classes, "int32"),
    }
