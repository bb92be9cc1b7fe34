"""Necks: features of all resolutions that see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers, ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, FineNeck, Neck, depthwise
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class NoNeck(FineNeck):
    """Each map for itself, brought to the width."""

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map through a 1 x 1 convolution."""
        return [
            bricks.conv(x, width, name=f"{name}_{level}", kernel_px=1)
            for level, x in enumerate(features, start=1)
        ]


@dataclass(frozen=True)
class Fpn(FineNeck):
    """Coarse features added to finer ones, from the top down.

    Feature pyramid (Lin et al. 2017, https://arxiv.org/abs/1612.03144); what is handed down
    has been through the 3 x 3 convolution of its level.
    """

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map with all coarser ones in it."""
        coarsest = bricks.conv(features[-1], width, name=f"{name}_{len(features)}", kernel_px=1)
        return _handed_down(features[:-1], coarsest, bricks=bricks, name=name)


@dataclass(frozen=True)
class Pan(Neck):
    """A feature pyramid, and the way back from the finest to the coarsest.

    Path aggregation (Liu et al. 2018, https://arxiv.org/abs/1803.01534); its finest map is that
    of `Fpn`.
    """

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map with all others in it."""
        down = Fpn()(features, width, bricks=bricks, name=name)
        found = down[:1]
        for level, side in enumerate(down[1:], start=2):
            x = bricks.conv(found[-1], width, name=f"{name}_{level}_down", stride=2)
            x = layers.Add(name=f"{name}_{level}_back")([x, side])
            found.append(bricks.conv(x, width, name=f"{name}_{level}_again"))
        return found


@dataclass(frozen=True)
class BiFpn(FineNeck):
    """Down and back, again and again, with learnt shares of what meets.

    EfficientDet (Tan et al. 2019, https://arxiv.org/abs/1911.09070): its fast normalised
    fusion, and convolutions of each channel for itself. Differs from the paper: maps are
    brought to the width once, not once for each use.

    Args:
        repeats: Rounds.
    """

    repeats: int = 2

    def __post_init__(self) -> None:
        check_at_least(1, repeats=self.repeats)

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map with all others in it."""
        maps = [
            bricks.linear_conv(x, width, name=f"{name}_{level}", kernel_px=1)
            for level, x in enumerate(features, start=1)
        ]
        for number in range(1, self.repeats + 1):
            maps = _round(maps, bricks=bricks, name=f"{name}_round_{number}")
        return maps


@dataclass(frozen=True)
class Aspp(FineNeck):
    """The coarsest map seen at several scales, then handed down as a feature pyramid does.

    Atrous spatial pyramid pooling (Chen et al. 2017, https://arxiv.org/abs/1706.05587). Differs
    from the paper: see `aspp`; and it gives all maps, not the coarsest alone.

    Args:
        rates: Steps of the kernels on the coarsest map, in its pixels; half the paper's, for
            windows of half its side.
    """

    rates: tuple[int, ...] = (3, 6, 9)

    def __post_init__(self) -> None:
        check_at_least(1, rates=self.rates)

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map with all coarser ones in it."""
        coarsest = aspp(features[-1], width, rates=self.rates, bricks=bricks, name=f"{name}_aspp")
        return _handed_down(features[:-1], coarsest, bricks=bricks, name=name)


def aspp(x: Tensor, channels: int, *, rates: Sequence[int], bricks: Bricks, name: str) -> Tensor:
    """A map seen by kernels of several steps and by its mean, as one of `channels`.

    Chen et al. 2017, https://arxiv.org/abs/1706.05587. Differs from the paper: the mean is not
    normalised, for some normalisations leave nothing of a single pixel.

    Args:
        x: `(batch, rows, columns, channel)`.
        channels: Channels of each view and of the result.
        rates: Steps of the kernels in pixels of `x`.
        bricks: What it is made of.
        name: Start of the names of its layers.
    """
    _, rows, columns, _ = x.shape
    views = [bricks.conv(x, channels, name=f"{name}_here", kernel_px=1)]
    views += [bricks.conv(x, channels, name=f"{name}_rate_{rate}", dilation=rate) for rate in rates]
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)
    mean = layers.Conv2D(channels, 1, name=f"{name}_mean_conv")(mean)
    mean = bricks.activation(mean, name=f"{name}_mean_act")
    views.append(layers.UpSampling2D((rows, columns), name=f"{name}_everywhere")(mean))
    views_as_one = layers.Concatenate(name=f"{name}_join")(views)
    return bricks.conv(views_as_one, channels, name=f"{name}_project", kernel_px=1)


@keras.saving.register_keras_serializable(package="factory_core")
class WeightedSum(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Maps added in learnt shares: each weight, at least 0, over the sum of all."""

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """One weight a map, equal at first."""
        self.shares = self.add_weight(shape=(len(input_shape),), initializer="ones", name="shares")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The sum, of the shape of one map."""
        weights = ops.relu(self.shares)
        weights = weights / (ops.sum(weights) + 1e-4)
        return sum(x * weights[index] for index, x in enumerate(inputs))

    def compute_output_shape(
        self, input_shape: Sequence[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """That of one map."""
        return tuple(input_shape[0])


def _round(maps: Sequence[Tensor], *, bricks: Bricks, name: str) -> list[Tensor]:
    """From the coarsest map to the finest and back, all of the same channels."""
    down = [maps[-1]]
    for level in range(len(maps) - 1, 0, -1):
        coarser = layers.UpSampling2D(2, name=f"{name}_{level}_up")(down[0])
        down.insert(0, _fused([maps[level - 1], coarser], bricks=bricks, name=f"{name}_{level}"))
    found = down[:1]
    for level in range(2, len(maps) + 1):
        finer = layers.MaxPooling2D(2, name=f"{name}_{level}_down")(found[-1])
        between = [down[level - 1]] if level < len(maps) else []
        met = [maps[level - 1], *between, finer]
        found.append(_fused(met, bricks=bricks, name=f"{name}_{level}_back"))
    return found


def _fused(maps: Sequence[Tensor], *, bricks: Bricks, name: str) -> Tensor:
    channels = maps[0].shape[-1]
    x = bricks.activation(WeightedSum(name=f"{name}_sum")(maps), name=f"{name}_act")
    x = depthwise(x, name=f"{name}_depth")
    return bricks.linear_conv(x, channels, name=name, kernel_px=1)


def _handed_down(
    features: Sequence[Tensor], coarsest: Tensor, *, bricks: Bricks, name: str
) -> list[Tensor]:
    """Each of `features`, then `coarsest`, with all coarser ones in it and as many channels."""
    x = coarsest
    found = [x]
    width = coarsest.shape[-1]
    for level in range(len(features), 0, -1):
        side = bricks.conv(features[level - 1], width, name=f"{name}_{level}", kernel_px=1)
        x = layers.UpSampling2D(2, name=f"{name}_{level}_up")(x)
        x = layers.Add(name=f"{name}_{level}_add")([x, side])
        x = bricks.conv(x, width, name=f"{name}_{level}_merge")
        found.append(x)
    return found[::-1]
