"""Groups of layers that several architectures are made of."""

from __future__ import annotations

import keras
from keras import layers

from factory_core.models.interface import Tensor

# Keras' own 0.99 needs hundreds of steps to forget the start; short trainings have no more.
MOMENTUM = 0.9
EPSILON = 1e-3


def conv_norm_relu(
    image: Tensor, channels: int, *, name: str, kernel_px: int = 3, stride: int = 1
) -> Tensor:
    """Convolution, batch normalisation, ReLU: `channels` maps of `1 / stride` the sides."""
    x = layers.Conv2D(
        channels,
        kernel_px,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(image)
    x = normalise(x, name=f"{name}_norm")
    return layers.ReLU(name=f"{name}_relu")(x)


def normalise(x: Tensor, *, name: str) -> Tensor:
    """Batch normalisation that settles within a short training."""
    return layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, name=name)(x)


def top_down(features: list[Tensor], width: int, *, name: str) -> Tensor:
    """Features of every resolution merged into one map at that of the finest.

    A feature pyramid (Lin et al. 2017, https://arxiv.org/abs/1612.03144) of which only the
    finest level is used.

    Args:
        features: Finest first, each of half the sides of the one before.
        width: Channels of the result.
        name: Start of the names of the layers.
    """
    x = conv_norm_relu(features[-1], width, name=f"{name}_{len(features)}", kernel_px=1)
    for level in range(len(features) - 1, 0, -1):
        side = conv_norm_relu(features[level - 1], width, name=f"{name}_{level}", kernel_px=1)
        x = layers.UpSampling2D(2, name=f"{name}_{level}_up")(x)
        x = layers.Add(name=f"{name}_{level}_add")([x, side])
        x = conv_norm_relu(x, width, name=f"{name}_{level}_merge")
    return x


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
