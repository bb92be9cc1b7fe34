"""EfficientNet-Lite0 as an encoder, with weights learnt on ImageNet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import layers

from factory_core.models.bricks.normalisation import BatchNormalisation
from factory_core.models.encoders.bands import for_bands
from factory_core.models.encoders.imagenet_weights import read_imagenet_weights
from factory_core.models.interface import Encoder, Tensor


class _Stage(NamedTuple):
    repeats: int
    kernel_px: int
    stride: int
    expansion: int
    channels: int


# Tan and Le 2019 (https://arxiv.org/abs/1905.11946), table 1, as changed for the Lite models
# (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
STEM = 32
normalise = BatchNormalisation()
STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class EfficientNetLite0(Encoder):
    """The encoder of EfficientNet-Lite0, any number of bands.

    Args:
        pretrained: Start from ImageNet weights, learnt on images of mean 0 and deviation 1;
            `bands.for_bands` says what becomes of other bands than red, green and blue.
        depth: Levels kept, 4 or 5; 5 has 3.4 million weights, 4 a fifth of them.
    """

    pretrained: bool = True
    depth: int = 4

    def __post_init__(self) -> None:
        if self.depth not in (4, 5):
            raise ValueError(f"`depth` must be 4 or 5. Received: {self.depth}.")

    @property
    def levels(self) -> int:
        """Number of feature maps."""
        return self.depth

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of `1/2`, `1/4`, ... the sides of `image`, finest first."""
        x = layers.Conv2D(STEM, 3, strides=2, padding="same", use_bias=False, name="encoder_stem")(
            image
        )
        x = layers.ReLU(6.0, name="encoder_stem_relu")(normalise(x, name="encoder_stem_norm"))
        found: list[Tensor] = []
        for number, stage, stride in _blocks():
            if stride == 2:
                found.append(x)
                if len(found) == self.depth:
                    return found
            x = _inverted_residual(x, stage, stride=stride, name=f"encoder_{number}")
        return [*found, x]

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Give the encoder in `network` its ImageNet weights."""
        if not self.pretrained:
            return
        weights = read_imagenet_weights()
        for layer in network.layers:
            if layer.name.startswith("encoder_") and layer.weights:
                values = _of_layer(weights, layer.name)
                if layer.name == "encoder_stem":
                    values = [for_bands(values[0], bands)]
                layer.set_weights(values)


def _blocks() -> Iterator[tuple[int, _Stage, int]]:
    """Number, stage and stride of every block; only the first of a stage shrinks."""
    number = 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            yield number, stage, stage.stride if repeat == 0 else 1
            number += 1


def _inverted_residual(x: Tensor, stage: _Stage, *, stride: int, name: str) -> Tensor:
    channels = x.shape[-1]
    y = x
    if stage.expansion > 1:
        y = layers.Conv2D(
            channels * stage.expansion, 1, padding="same", use_bias=False, name=f"{name}_expand"
        )(y)
        y = layers.ReLU(6.0, name=f"{name}_expand_relu")(normalise(y, name=f"{name}_expand_norm"))
    y = layers.DepthwiseConv2D(
        stage.kernel_px, strides=stride, padding="same", use_bias=False, name=f"{name}_depth"
    )(y)
    y = layers.ReLU(6.0, name=f"{name}_depth_relu")(normalise(y, name=f"{name}_depth_norm"))
    y = layers.Conv2D(stage.channels, 1, padding="same", use_bias=False, name=f"{name}_project")(y)
    y = normalise(y, name=f"{name}_project_norm")
    if stride == 1 and channels == stage.channels:
        y = layers.Add(name=f"{name}_add")([x, y])
    return y


_CONVOLUTIONS = {"expand": "_expand_conv", "depth": "_depthwise_conv", "project": "_project_conv"}
_NORMS = {"expand": "_bn0", "depth": "_bn1", "project": "_bn2"}


def _of_layer(weights: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Weights of one of our layers, in Keras' order and layout."""
    _, block, *rest = name.split("_")
    if block == "stem":
        source = "_bn0" if rest else "_conv_stem"
    else:
        source = f"_blocks.{block}.{(_NORMS if rest[1:] else _CONVOLUTIONS)[rest[0]]}"
    if name.endswith("_norm"):
        fields = ("weight", "bias", "running_mean", "running_var")
        return [weights[f"{source}.{field}"] for field in fields]
    kernel = weights[f"{source}.weight"]  # (out, in, height, width)
    order = (2, 3, 0, 1) if name.endswith("_depth") else (2, 3, 1, 0)
    return [np.ascontiguousarray(kernel.transpose(order))]
