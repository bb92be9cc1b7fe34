"""The Mix Transformer as an encoder: attention whose cost stays near that of convolutions."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.activation import Gelu
from factory_core.models.interface import Encoder, Tensor

# Table 6 of the paper, stage by stage. Heads have the width of the first stage's channels.
HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)
KERNELS_PX = (7, 3, 3, 3)
STRIDES = (4, 2, 2, 2)


@dataclass(frozen=True)
class MixTransformer(Encoder):
    """Overlapping patches, attention to a shortened sequence, and a Mix-FFN, from noise.

    The encoder of SegFormer (Xie et al. 2021, https://arxiv.org/abs/2105.15203). Keys and
    values are taken from a map that a convolution shrinks; a 3 x 3 depthwise convolution
    between the layers of the perceptron tells places apart, so windows of any size do.
    Differs from the paper: no stochastic depth. The paper's finest features are at a quarter
    of the sides; those at half come from a 3 x 3 convolution of stride 2 beside the
    transformer, which a model that does not use them does not hold.

    Args:
        width: Channels of a head; the stages have 1, 2, 5 and 8 times as many. B0 has 32, the
            others 64.
        blocks: Blocks of each stage: B0 and B1 2, 2, 2, 2; B2 3, 4, 6, 3.
        expansion: Channels inside the perceptron for one outside.
    """

    width: int = 32
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    expansion: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, blocks=self.blocks, expansion=self.expansion)

    @property
    def levels(self) -> int:
        """Number of feature maps."""
        return 1 + len(STRIDES)

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of `1/2`, `1/4`, ... the sides of `image`, finest first."""
        half = _patches(image, self.width, kernel_px=3, stride=2, name="encoder_1")
        x, found = image, [Gelu()(half, name="encoder_1_act")]
        for stage, heads in enumerate(HEADS):
            name = f"encoder_{stage + 2}"
            x = _patches(
                x, heads * self.width, kernel_px=KERNELS_PX[stage], stride=STRIDES[stage], name=name
            )
            for number in range(1, self.blocks[stage] + 1):
                x = self._block(x, stage, name=f"{name}_{number}")
            x = _normalise(x, name=f"{name}_out_norm")
            found.append(x)
        return found

    def _block(self, x: Tensor, stage: int, *, name: str) -> Tensor:
        y = _normalise(x, name=f"{name}_attention_norm")
        y = self._attend(y, heads=HEADS[stage], reduction=REDUCTIONS[stage], name=name)
        x = layers.Add(name=f"{name}_attention_add")([x, y])
        y = self._mix(_normalise(x, name=f"{name}_mix_norm"), name=f"{name}_mix")
        return layers.Add(name=f"{name}_mix_add")([x, y])

    def _attend(self, x: Tensor, *, heads: int, reduction: int, name: str) -> Tensor:
        """Every pixel asks every pixel of a map `1 / reduction` as long and as wide."""
        _, rows, columns, channels = x.shape
        seen = x
        if reduction > 1:
            seen = layers.Conv2D(
                channels, reduction, strides=reduction, padding="same", name=f"{name}_reduce"
            )(x)
            seen = _normalise(seen, name=f"{name}_reduce_norm")
        asking = layers.Reshape((rows * columns, channels), name=f"{name}_asking")(x)
        asked = layers.Reshape((-1, channels), name=f"{name}_asked")(seen)
        attention = layers.MultiHeadAttention(heads, self.width, name=f"{name}_attention")
        return layers.Reshape((rows, columns, channels), name=f"{name}_answers")(
            attention(asking, asked)
        )

    def _mix(self, x: Tensor, *, name: str) -> Tensor:
        """A perceptron of two layers that looks one pixel around between them."""
        channels = x.shape[-1]
        x = layers.Dense(self.expansion * channels, name=f"{name}_expand")(x)
        x = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_depthwise")(x)
        return layers.Dense(channels, name=f"{name}_project")(Gelu()(x, name=f"{name}_act"))


def _patches(x: Tensor, channels: int, *, kernel_px: int, stride: int, name: str) -> Tensor:
    """Patches that overlap, as one pixel each; padded alike on all sides."""
    x = layers.ZeroPadding2D(kernel_px // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(channels, kernel_px, strides=stride, name=f"{name}_patches")(x)
    return _normalise(x, name=f"{name}_norm")


def _normalise(x: Tensor, *, name: str) -> Tensor:
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)
