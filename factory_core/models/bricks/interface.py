"""What each kind of brick promises, and the four that every network is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from keras import layers

from factory_core.models.interface import Tensor


class Normalisation(ABC):
    """Brings the channels of a map to a common scale."""

    @abstractmethod
    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, `(batch, rows, columns, channel)`, in the same shape."""


class Activation(ABC):
    """A non-linear function of every value."""

    @abstractmethod
    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` in the same shape."""


class Attention(ABC):
    """Weighs the channels or the places of a map by its content."""

    @abstractmethod
    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, `(batch, rows, columns, channel)`, in the same shape."""


class Block(ABC):
    """A group of convolutions that encoders and decoders repeat."""

    @abstractmethod
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
        """`x` to `channels` maps of `1 / stride` its sides.

        Args:
            x: `(batch, rows, columns, channel)`, sides divisible by `stride`.
            channels: Channels of the result.
            bricks: What it is made of; its own `block` is not asked.
            name: Start of the names of its layers.
            stride: 1 or 2.
            dilation: Of the spatial convolutions; only with stride 1.
        """


class Skip(ABC):
    """Joins what a decoder has with what the encoder saw at the same resolution."""

    @abstractmethod
    def __call__(self, x: Tensor, side: Tensor, *, bricks: Bricks, name: str) -> Tensor:
        """`x` and `side`, of the same sides and any channels, as one map."""


class Upsampling(ABC):
    """Makes a map finer."""

    @abstractmethod
    def __call__(self, x: Tensor, *, bricks: Bricks, name: str, factor: int = 2) -> Tensor:
        """`x` at `factor` times its sides, a power of two, with as many channels."""


class Neck(ABC):
    """Lets the features of all resolutions see each other."""

    @abstractmethod
    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map at its own sides, with `width` channels.

        Args:
            features: Finest first, each of half the sides of the one before.
            width: Channels of every result.
            bricks: What it is made of.
            name: Start of the names of its layers.
        """


class FineNeck(Neck):
    """A neck whose finest map no other neck gives, for models that read that map alone."""


@dataclass(frozen=True)
class Bricks:
    """What a network is made of, whatever its architecture.

    Args:
        block: Repeated in encoder and decoder.
        attention: At the end of each block.
        normalisation: After each convolution.
        activation: After each normalisation.
    """

    block: Block
    attention: Attention
    normalisation: Normalisation
    activation: Activation

    def blocks(self, x: Tensor, channels: int, *, count: int, name: str) -> Tensor:
        """`x` through `count` blocks, one after the other, to `channels` maps."""
        for number in range(1, count + 1):
            x = self.block(x, channels, bricks=self, name=f"{name}_{number}")
        return x

    def conv(
        self,
        x: Tensor,
        channels: int,
        *,
        name: str,
        kernel_px: int = 3,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> Tensor:
        """Convolution, normalisation, activation: `channels` maps of `1 / stride` the sides."""
        x = self.linear_conv(
            x,
            channels,
            name=name,
            kernel_px=kernel_px,
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
        return self.activation(x, name=f"{name}_act")

    def linear_conv(
        self,
        x: Tensor,
        channels: int,
        *,
        name: str,
        kernel_px: int = 3,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> Tensor:
        """Convolution and normalisation, as at the end of a residual block."""
        x = convolution(
            x,
            channels,
            name=f"{name}_conv",
            kernel_px=kernel_px,
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
        return self.normalisation(x, name=f"{name}_norm")


def convolution(
    x: Tensor,
    channels: int,
    *,
    name: str,
    kernel_px: int = 3,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """A convolution that a normalisation follows: no bias, He's first weights."""
    return layers.Conv2D(
        channels,
        kernel_px,
        strides=stride,
        dilation_rate=dilation,
        groups=groups,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def depthwise(
    x: Tensor, *, name: str, kernel_px: int = 3, stride: int = 1, dilation: int = 1
) -> Tensor:
    """A convolution of each channel for itself that a normalisation follows: no bias."""
    return layers.DepthwiseConv2D(
        kernel_px,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        name=name,
    )(x)
