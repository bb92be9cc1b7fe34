"""Blocks that encoders and decoders repeat."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Block, Bricks
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


def short_cut(x: Tensor, channels: int, *, bricks: Bricks, name: str, stride: int) -> Tensor:
    """`x` itself where its shape is that of the result, else through a 1 x 1 convolution."""
    if stride == 1 and x.shape[-1] == channels:
        return x
    return bricks.linear_conv(x, channels, name=f"{name}_short_cut", kernel_px=1, stride=stride)
