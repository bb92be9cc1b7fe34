"""Pyramid pooling: what lies around a pixel, at several scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import layers, ops

from factory_core.models.bricks.interface import Bricks
from factory_core.models.interface import Tensor


def pyramid_pooling(
    x: Tensor, channels: int, *, grids: Sequence[int], bricks: Bricks, name: str
) -> Tensor:
    """`x` and its means over the cells of each grid, side by side.

    Zhao et al. 2017, https://arxiv.org/abs/1612.01105. The grids are those of the map, not of
    the ground: cells grow with the window. On a map of fewer pixels than cells the cells overlap.
    Differs from the paper: the means are not normalised, for some normalisations leave nothing
    of a single pixel.

    Args:
        x: `(batch, rows, columns, channel)`.
        channels: Channels of each grid, through a 1 x 1 convolution.
        grids: Cells a side.
        bricks: Whose activation follows each convolution.
        name: Start of the names of its layers.

    Returns:
        `(batch, rows, columns, channel + len(grids) * channels)`.
    """
    _, rows, columns, _ = x.shape
    found = [x]
    for number, grid in enumerate(grids, start=1):
        cells = _cells(rows, grid), _cells(columns, grid)
        pooled = ops.einsum("ri,bijc,sj->brsc", cells[0], x, cells[1])
        pooled = layers.Conv2D(channels, 1, name=f"{name}_{number}_conv")(pooled)
        pooled = bricks.activation(pooled, name=f"{name}_{number}_act")
        found.append(ops.image.resize(pooled, (rows, columns), interpolation="bilinear"))
    return layers.Concatenate(name=f"{name}_join")(found)


def _cells(side_px: int, grid: int) -> np.ndarray:
    """Weights `(grid, side_px)` of the mean over each cell: whole pixels, the same for both sides.

    Keras' own layer for this fails on TensorFlow for one cell over all.
    """
    starts = np.arange(grid) * side_px // grid
    ends = -(-np.arange(1, grid + 1) * side_px // grid)
    pixels = np.arange(side_px)
    inside = (pixels >= starts[:, None]) & (pixels < ends[:, None])
    weights: np.ndarray = inside / inside.sum(axis=1, keepdims=True)
    return weights.astype(np.float32)
