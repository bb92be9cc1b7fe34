"""The last layer of a network."""

from __future__ import annotations

import keras
from keras import layers

from factory_core.models.interface import Tensor


def head(x: Tensor, channels: int, *, name: str, bias: float = 0.0) -> Tensor:
    """A last 1 x 1 convolution with a chosen first answer, in float32."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    return _last(x, channels, name=name, kernel=small, bias=bias)


def score_head(x: Tensor, *, num_classes: int, name: str = "logits") -> Tensor:
    """The last 1 x 1 convolution of a score map: logits, background first, in float32.

    Its weights begin as large as Glorot's. Where classes are rare, small ones as those of `head`
    all come to vote for the background within the first steps; of activations that are never
    negative no vote for a class is left then but its bias, and a short training ends with no
    score far above one half.
    """
    return _last(x, 1 + num_classes, name=name, kernel="glorot_uniform", bias=0.0)


def _last(
    x: Tensor,
    channels: int,
    *,
    name: str,
    kernel: str | keras.initializers.Initializer,
    bias: float,
) -> Tensor:
    return layers.Conv2D(
        channels,
        1,
        kernel_initializer=kernel,
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )(x)
