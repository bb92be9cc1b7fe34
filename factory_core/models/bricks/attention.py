"""Attention: what of a map counts, told from the map itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

from keras import layers, ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Attention
from factory_core.models.interface import Tensor

FEWEST_CHANNELS = 4


@dataclass(frozen=True)
class NoAttention(Attention):
    """Leaves the map as it is."""

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` itself."""
        del name
        return x


@dataclass(frozen=True)
class SqueezeExcite(Attention):
    """Each channel weighed by the means of all (Hu et al. 2017, https://arxiv.org/abs/1709.01507).

    Differs from the paper: at least four channels are left between the two layers.

    Args:
        reduction: Channels of the map for one between the two layers.
    """

    reduction: int = 16

    def __post_init__(self) -> None:
        check_at_least(1, reduction=self.reduction)

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, each channel times 0 to 1."""
        return layers.Multiply(name=name)([x, squeezed(x, reduction=self.reduction, name=name)])


@dataclass(frozen=True)
class Eca(Attention):
    """Each channel weighed by the means of its neighbours.

    Efficient channel attention (Wang et al. 2020, https://arxiv.org/abs/1910.03151): a handful
    of weights, their number by the paper's rule from that of the channels.
    """

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, each channel times 0 to 1."""
        channels = x.shape[-1]
        near = int(abs(math.log2(channels) + 1) / 2)
        y = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
        y = layers.Reshape((channels, 1), name=f"{name}_row")(y)
        y = layers.Conv1D(
            1,
            near if near % 2 else near + 1,
            padding="same",
            use_bias=False,
            activation="sigmoid",
            name=f"{name}_near",
        )(y)
        y = layers.Reshape((1, 1, channels), name=f"{name}_map")(y)
        return layers.Multiply(name=name)([x, y])


@dataclass(frozen=True)
class Cbam(Attention):
    """First the channels are weighed, then the places.

    Convolutional block attention module (Woo et al. 2018, https://arxiv.org/abs/1807.06521).
    Differs from the paper: at least four channels are left between the two layers.

    Args:
        reduction: Channels of the map for one between the two layers.
        kernel_px: Side of the kernel that weighs the places.
    """

    reduction: int = 16
    kernel_px: int = 7

    def __post_init__(self) -> None:
        check_at_least(1, reduction=self.reduction, kernel_px=self.kernel_px)

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, each channel and then each place times 0 to 1."""
        narrow = _reduced(x, self.reduction, name=name)
        wide = layers.Conv2D(x.shape[-1], 1, name=f"{name}_excite")
        mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
        most = layers.GlobalMaxPooling2D(keepdims=True, name=f"{name}_most")(x)
        both = layers.Add(name=f"{name}_both")([wide(narrow(mean)), wide(narrow(most))])
        channels = layers.Activation("sigmoid", name=f"{name}_channels")(both)
        x = layers.Multiply(name=f"{name}_weighed")([x, channels])
        seen = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
        places = layers.Conv2D(
            1,
            self.kernel_px,
            padding="same",
            use_bias=False,
            activation="sigmoid",
            name=f"{name}_places",
        )(layers.Concatenate(name=f"{name}_seen")(seen))
        return layers.Multiply(name=name)([x, places])


@dataclass(frozen=True)
class Coordinate(Attention):
    """Each row and each column weighed, channel by channel.

    Coordinate attention (Hou et al. 2021, https://arxiv.org/abs/2103.02907). Differs from the
    paper: no normalisation between its two layers, so that a window never depends on the
    others of its batch, and at least four channels.

    Args:
        reduction: Channels of the map for one between the two layers.
    """

    reduction: int = 32

    def __post_init__(self) -> None:
        check_at_least(1, reduction=self.reduction)

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, each row times 0 to 1 and each column times 0 to 1."""
        narrow = _reduced(x, self.reduction, name=name, activation="hard_silu")
        weights = []
        for axis, side in ((2, "rows"), (1, "columns")):
            means = ops.mean(x, axis=axis, keepdims=True)
            wide = layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}_{side}")
            weights.append(wide(narrow(means)))
        return layers.Multiply(name=name)([x, *weights])


@dataclass(frozen=True)
class NonLocal(Attention):
    """Each place with what all places show that resemble it.

    Non-local network (Wang et al. 2017, https://arxiv.org/abs/1711.07971), embedded Gaussian;
    adds nothing at first, as there. Differs from the paper: keys and values are means over
    areas, at most `keys_px` by `keys_px` of them, and the product is divided by the root of
    the channels. So memory grows with the pixels of a map and not with their square: at 8 by
    8, the weights take as much as a map of 64 channels.

    Args:
        keys_px: Most rows and columns of keys.
    """

    keys_px: int = 8

    def __post_init__(self) -> None:
        check_at_least(1, keys_px=self.keys_px)

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, and a weighted sum of what the whole map holds."""
        _, rows, columns, channels = x.shape
        inner = max(channels // 2, 1)
        areas = (math.ceil(rows / self.keys_px), math.ceil(columns / self.keys_px))
        coarse = layers.AveragePooling2D(areas, padding="same", name=f"{name}_areas")(x)
        queries = _as_list(layers.Conv2D(inner, 1, name=f"{name}_queries")(x))
        keys = _as_list(layers.Conv2D(inner, 1, name=f"{name}_keys")(coarse))
        values = _as_list(layers.Conv2D(inner, 1, name=f"{name}_values")(coarse))
        alike = ops.matmul(queries, ops.transpose(keys, (0, 2, 1))) * inner**-0.5
        found = ops.matmul(layers.Softmax(name=f"{name}_alike")(alike), values)
        found = layers.Reshape((rows, columns, inner), name=f"{name}_found")(found)
        found = layers.Conv2D(channels, 1, kernel_initializer="zeros", name=f"{name}_given")(found)
        return layers.Add(name=name)([x, found])


def squeezed(x: Tensor, *, reduction: int, name: str) -> Tensor:
    """The weight of each channel of `x` by the means of all, `(batch, 1, 1, channel)`."""
    y = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    y = _reduced(x, reduction, name=name)(y)
    return layers.Conv2D(x.shape[-1], 1, activation="sigmoid", name=f"{name}_excite")(y)


def _reduced(x: Tensor, reduction: int, *, name: str, activation: str = "relu") -> layers.Layer:
    channels = max(x.shape[-1] // reduction, FEWEST_CHANNELS)
    return layers.Conv2D(channels, 1, activation=activation, name=f"{name}_reduce")


def _as_list(x: Tensor) -> Tensor:
    """`(batch, rows, columns, channel)` to `(batch, place, channel)`."""
    _, rows, columns, channels = x.shape
    return layers.Reshape((rows * columns, channels))(x)
