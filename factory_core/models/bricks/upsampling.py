"""Up-sampling: a map to a finer one."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Nearest(Upsampling):
    """Each pixel repeated."""

    def __call__(self, x: Tensor, *, bricks: Bricks, name: str, factor: int = 2) -> Tensor:
        """`x` at `factor` times its sides."""
        del bricks
        return layers.UpSampling2D(factor, name=name)(x)


@dataclass(frozen=True)
class Bilinear(Upsampling):
    """Straight lines between the centres of pixels."""

    def __call__(self, x: Tensor, *, bricks: Bricks, name: str, factor: int = 2) -> Tensor:
        """`x` at `factor` times its sides."""
        del bricks
        return layers.UpSampling2D(factor, interpolation="bilinear", name=name)(x)


@dataclass(frozen=True)
class Transposed(Upsampling):
    """A transposed convolution, learnt (Long et al. 2015, https://arxiv.org/abs/1411.4038).

    Its kernel is twice as wide as its step, so that every pixel of the result is reached by as
    many of the map: a kernel that the step does not divide draws a chess board (Odena et al.
    2016, https://distill.pub/2016/deconv-checkerboard).
    """

    def __call__(self, x: Tensor, *, bricks: Bricks, name: str, factor: int = 2) -> Tensor:
        """`x` at `factor` times its sides, normalised and activated."""
        x = layers.Conv2DTranspose(
            x.shape[-1],
            2 * factor,
            strides=factor,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv",
        )(x)
        return bricks.activation(bricks.normalisation(x, name=f"{name}_norm"), name=f"{name}_act")


@dataclass(frozen=True)
class PixelShuffle(Upsampling):
    """A convolution to `factor**2` times the channels, which become the new pixels.

    Shi et al. 2016, https://arxiv.org/abs/1609.05158.
    """

    def __call__(self, x: Tensor, *, bricks: Bricks, name: str, factor: int = 2) -> Tensor:
        """`x` at `factor` times its sides, normalised and activated."""
        channels = x.shape[-1]
        x = bricks.conv(x, channels * factor**2, name=name)
        return depth_to_space(x, factor=factor, name=name)


def depth_to_space(x: Tensor, *, factor: int, name: str) -> Tensor:
    """`(batch, rows, columns, factor**2 * channel)` to `factor` times the sides.

    Pixel `(i, j)` of each block of `factor` by `factor` comes from the channels that begin at
    `(i * factor + j) * channels`, as in TensorFlow's and ONNX's operation of this name.
    """
    _, rows, columns, depth = x.shape
    channels = depth // factor**2
    x = layers.Reshape((rows, columns, factor, factor, channels), name=f"{name}_blocks")(x)
    x = layers.Permute((1, 3, 2, 4, 5), name=f"{name}_rows")(x)
    return layers.Reshape((rows * factor, columns * factor, channels), name=f"{name}_pixels")(x)
