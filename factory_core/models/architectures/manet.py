"""A U-Net that weighs places at its centre and channels at its skips: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers, ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.attention import squeezed
from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.decoders import channels_at
from factory_core.models.head import score_head
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class MaNet(ScoreMapModel):
    """Every place of the coarsest map sees every other; skips weigh the channels of the decoder.

    MA-Net (Fan et al. 2020, https://doi.org/10.1109/ACCESS.2020.3025372): position-wise
    attention at the centre, multi-scale fusion attention at the skips. Differs from the paper:
    any encoder and block, and the finest level, which the encoder does not have, is plain. Its
    centre takes memory with the square of the pixels of the coarsest map, 67 MB a window where
    that has 64 px a side: take an encoder of five levels for windows over 512 px.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What the decoder is made of.
        upsampling: Makes the maps of the decoder finer.
        reduction: Channels of a map for one between the two layers that weigh them.
        width: Channels of the decoder at the full resolution; every coarser level doubles
            them, up to eight times.
        depth: Blocks of the decoder at each level.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    reduction: int = 16
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, reduction=self.reduction, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        *sides, coarsest = self.encoder.features(image)
        x = self._places(coarsest)
        for level in range(len(sides), -1, -1):
            name = f"decoder_{level}"
            if level:
                x = self._fused(x, sides[level - 1], name=name)
            else:
                x = self.upsampling(x, bricks=self.bricks, name=f"{name}_up")
            channels = channels_at(level, width=self.width)
            x = self.bricks.blocks(x, channels, count=self.depth, name=name)
        return score_head(x, num_classes=num_classes)

    def _places(self, x: Tensor) -> Tensor:
        """Position-wise attention block: `x` and, at each place, the sum of what resembles it."""
        _, rows, columns, channels = x.shape
        inner = max(channels // 8, 1)
        as_list = layers.Reshape((rows * columns, -1))
        queries = as_list(layers.Conv2D(inner, 1, name="centre_queries")(x))
        keys = as_list(layers.Conv2D(inner, 1, name="centre_keys")(x))
        values = layers.Conv2D(channels, 3, padding="same", name="centre_values")(x)
        alike = ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        alike = layers.Softmax(name="centre_alike")(alike)
        found = ops.matmul(alike, layers.Reshape((rows * columns, channels))(values))
        found = layers.Reshape((rows, columns, channels), name="centre_found")(found)
        return self.bricks.conv(layers.Add(name="centre_add")([x, found]), channels, name="centre")

    def _fused(self, x: Tensor, side: Tensor, *, name: str) -> Tensor:
        """Multi-scale fusion attention: `x`, weighed by the channels of both, beside `side`."""
        x = self.bricks.conv(x, x.shape[-1], name=f"{name}_a")
        x = self.bricks.conv(x, side.shape[-1], name=f"{name}_b", kernel_px=1)
        weights = layers.Add(name=f"{name}_weights")(
            [
                squeezed(x, reduction=self.reduction, name=f"{name}_coarse"),
                squeezed(side, reduction=self.reduction, name=f"{name}_fine"),
            ]
        )
        x = self.upsampling(x, bricks=self.bricks, name=f"{name}_up")
        x = layers.Multiply(name=f"{name}_weighed")([x, weights])
        return layers.Concatenate(name=f"{name}_skip")([x, side])
