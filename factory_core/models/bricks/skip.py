"""Skips: what a decoder takes from the encoder at the same resolution."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Bricks, Skip
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Concat(Skip):
    """Both maps, one after the other (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597)."""

    def __call__(self, x: Tensor, side: Tensor, *, bricks: Bricks, name: str) -> Tensor:
        """Channels of `x`, then those of `side`."""
        del bricks
        return layers.Concatenate(name=name)([x, side])


@dataclass(frozen=True)
class NoSkip(Skip):
    """Only what the decoder has."""

    def __call__(self, x: Tensor, side: Tensor, *, bricks: Bricks, name: str) -> Tensor:
        """`x` itself."""
        del side, bricks, name
        return x


@dataclass(frozen=True)
class AddSkip(Skip):
    """The sum of both maps (Chaurasia and Culurciello 2017, https://arxiv.org/abs/1707.03718).

    Differs from the paper: where the channels differ, those of the encoder go through a 1 x 1
    convolution first.
    """

    def __call__(self, x: Tensor, side: Tensor, *, bricks: Bricks, name: str) -> Tensor:
        """`x` plus `side`, with the channels of `x`."""
        if side.shape[-1] != x.shape[-1]:
            side = bricks.linear_conv(side, x.shape[-1], name=f"{name}_fit", kernel_px=1)
        return layers.Add(name=name)([x, side])


@dataclass(frozen=True)
class AttentionGate(Skip):
    """Both maps, the encoder's where the decoder asks for it.

    Attention U-Net (Oktay et al. 2018, https://arxiv.org/abs/1804.03999). Differs from the
    paper: the decoder asks after its up-sampling, so the gate is as fine as the map it weighs.
    """

    def __call__(self, x: Tensor, side: Tensor, *, bricks: Bricks, name: str) -> Tensor:
        """Channels of `x`, then those of `side` times a gate of 0 to 1 a pixel."""
        channels = max(side.shape[-1] // 2, 1)
        asked = bricks.linear_conv(x, channels, name=f"{name}_asked", kernel_px=1)
        seen = bricks.linear_conv(side, channels, name=f"{name}_seen", kernel_px=1)
        both = bricks.activation(layers.Add(name=f"{name}_both")([asked, seen]), name=f"{name}_act")
        gate = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_gate")(both)
        passed = layers.Multiply(name=f"{name}_passed")([side, gate])
        return layers.Concatenate(name=name)([x, passed])
