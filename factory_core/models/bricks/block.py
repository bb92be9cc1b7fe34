"""Blocks that encoders and decoders repeat."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Block, Bricks, convolution, depthwise
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Plain(Block):
    """One convolution, as in the decoders of most papers."""

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        x = bricks.conv(x, channels, name=name, stride=stride, dilation=dilation)
        return bricks.attention(x, name=f"{name}_attention")


@dataclass(frozen=True)
class Basic(Block):
    """Two convolutions beside a short cut (He et al. 2015, https://arxiv.org/abs/1512.03385)."""

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        y = bricks.conv(x, channels, name=f"{name}_a", stride=stride, dilation=dilation)
        y = bricks.linear_conv(y, channels, name=f"{name}_b", dilation=dilation)
        y = bricks.attention(y, name=f"{name}_attention")
        y = layers.Add(name=f"{name}_add")(
            [short_cut(x, channels, bricks=bricks, name=name, stride=stride), y]
        )
        return bricks.activation(y, name=f"{name}_act")


@dataclass(frozen=True)
class Bottleneck(Block):
    """A narrow convolution between two of 1 x 1, beside a short cut.

    He et al. 2015, https://arxiv.org/abs/1512.03385. Differs from the paper: the narrow
    convolution takes the stride, not the one before it, so that no pixel is passed over.

    Args:
        reduction: Channels of the result for one of the narrow convolution.
    """

    reduction: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, reduction=self.reduction)

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        narrow = max(channels // self.reduction, 1)
        y = bricks.conv(x, narrow, name=f"{name}_a", kernel_px=1)
        y = bricks.conv(y, narrow, name=f"{name}_b", stride=stride, dilation=dilation)
        y = bricks.linear_conv(y, channels, name=f"{name}_c", kernel_px=1)
        y = bricks.attention(y, name=f"{name}_attention")
        y = layers.Add(name=f"{name}_add")(
            [short_cut(x, channels, bricks=bricks, name=name, stride=stride), y]
        )
        return bricks.activation(y, name=f"{name}_act")


@dataclass(frozen=True)
class PreActivation(Block):
    """Two convolutions, each after normalisation and activation, beside a clean short cut.

    He et al. 2016, https://arxiv.org/abs/1603.05027.
    """

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        y = _ready(x, bricks=bricks, name=f"{name}_a")
        side = x
        if stride > 1 or x.shape[-1] != channels:
            side = convolution(y, channels, name=f"{name}_short_cut", kernel_px=1, stride=stride)
        y = convolution(y, channels, name=f"{name}_a_conv", stride=stride, dilation=dilation)
        y = _ready(y, bricks=bricks, name=f"{name}_b")
        y = convolution(y, channels, name=f"{name}_b_conv", dilation=dilation)
        y = bricks.attention(y, name=f"{name}_attention")
        return layers.Add(name=f"{name}_add")([side, y])


@dataclass(frozen=True)
class Dense(Block):
    """Convolutions that each see all before them (Huang et al. 2016, https://arxiv.org/abs/1608.06993).

    Differs from the paper: normalisation and activation follow their convolution, and the 1 x 1
    convolution and the mean over the stride, its transition, are part of the block.

    Args:
        convolutions: How many; each adds as many channels, together those of the result.
    """

    convolutions: int = 3

    def __post_init__(self) -> None:
        check_at_least(1, convolutions=self.convolutions)

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        growth = max(channels // self.convolutions, 1)
        for number in range(1, self.convolutions + 1):
            y = bricks.conv(x, growth, name=f"{name}_{number}", dilation=dilation)
            x = layers.Concatenate(name=f"{name}_{number}_join")([x, y])
        x = bricks.conv(x, channels, name=f"{name}_transition", kernel_px=1)
        x = bricks.attention(x, name=f"{name}_attention")
        return layers.AveragePooling2D(stride, name=f"{name}_pool")(x) if stride > 1 else x


@dataclass(frozen=True)
class Inverted(Block):
    """Wide between narrow ends: 1 x 1, a convolution of each channel for itself, 1 x 1.

    MobileNetV2 (Sandler et al. 2018, https://arxiv.org/abs/1801.04381), with attention where
    EfficientNet has it, on the wide maps (Tan and Le 2019, https://arxiv.org/abs/1905.11946).
    Differs from both: as wide as `expansion` times the result, not times `x`, for in a decoder
    `x` may be ten times the result.

    Args:
        expansion: Channels in between for one of the result; both papers have 6.
    """

    expansion: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, expansion=self.expansion)

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        wide = channels * self.expansion
        y = bricks.conv(x, wide, name=f"{name}_expand", kernel_px=1)
        y = depthwise(y, name=f"{name}_depth_conv", stride=stride, dilation=dilation)
        y = bricks.normalisation(y, name=f"{name}_depth_norm")
        y = bricks.activation(y, name=f"{name}_depth_act")
        y = bricks.attention(y, name=f"{name}_attention")
        y = bricks.linear_conv(y, channels, name=f"{name}_project", kernel_px=1)
        if stride == 1 and x.shape[-1] == channels:
            y = layers.Add(name=f"{name}_add")([x, y])
        return y


@dataclass(frozen=True)
class ConvNext(Block):
    """A wide kernel for each channel, then a perceptron a pixel, beside a short cut.

    Liu et al. 2022, https://arxiv.org/abs/2201.03545. Differs from the paper: normalisation and
    activation are those chosen (theirs are `layer` and `gelu`), no learnt scale on the sum,
    which only deep networks need, and where sides or channels change a convolution as wide as
    the stride goes before the block.

    Args:
        kernel_px: Side of the wide kernel.
        expansion: Channels in between for one of the result.
    """

    kernel_px: int = 7
    expansion: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, kernel_px=self.kernel_px, expansion=self.expansion)

    def __call__(
        self,
        x: Tensor,
        channels: int,
        *,
        bricks: Bricks,
        name: str,
        stride: int = 1,
        dilation: int = 1,
    ) -> Tensor:
        """`x` to `channels` maps."""
        if stride > 1 or x.shape[-1] != channels:
            x = bricks.linear_conv(x, channels, name=f"{name}_fit", kernel_px=stride, stride=stride)
        y = depthwise(x, name=f"{name}_depth_conv", kernel_px=self.kernel_px, dilation=dilation)
        y = bricks.normalisation(y, name=f"{name}_depth_norm")
        y = layers.Conv2D(channels * self.expansion, 1, name=f"{name}_expand")(y)
        y = bricks.activation(y, name=f"{name}_act")
        y = layers.Conv2D(channels, 1, name=f"{name}_project")(y)
        y = bricks.attention(y, name=f"{name}_attention")
        return layers.Add(name=f"{name}_add")([x, y])


def short_cut(x: Tensor, channels: int, *, bricks: Bricks, name: str, stride: int) -> Tensor:
    """`x` itself where its shape is that of the result, else through a 1 x 1 convolution."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    return bricks.linear_conv(x, channels, name=f"{name}_short_cut", kernel_px=1, stride=stride)


def _ready(x: Tensor, *, bricks: Bricks, name: str) -> Tensor:
    """`x` normalised and activated, for the convolution after it."""
    return bricks.activation(bricks.normalisation(x, name=f"{name}_norm"), name=f"{name}_act")
