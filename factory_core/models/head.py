"""The last layer of a network."""

from __future__ import annotations

import keras
from keras import layers

from factory_core.models.interface import Tensor


def head(x: Tensor, channels: int, *, name: str, bias: float = 0.0) -> Tensor:
    """A last 1 x 1 convolution with a chosen first answer, in float32."""
    return layers.Conv2D(
        channels,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )(x)
