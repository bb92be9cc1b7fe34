"""Features at half the sides for networks that have none; for all encoders."""

from __future__ import annotations

from keras import layers

from factory_core.models.interface import Tensor

CHANNELS = 32


def half_sides(image: Tensor) -> Tensor:
    """Features of `1/2` the sides of `image` from a 3 x 3 convolution of stride 2, from noise."""
    x = layers.Conv2D(CHANNELS, 3, strides=2, padding="same", name="encoder_half")(image)
    return layers.ReLU(name="encoder_half_act")(x)
