"""A U-Net whose coarse maps say where the fine ones count: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling, convolution
from factory_core.models.decoders import channels_at, side_outputs
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class AttentionUNet(ScoreMapModel):
    """Skips through gates that the next coarser map of the decoder opens.

    Attention U-Net (Oktay et al. 2018, https://arxiv.org/abs/1804.03999): gates on a grid, as
    coarse as the map that opens them; none on the finest skip, here the image itself; and
    logits of every level, weighed by a last layer, as in its code. Differs from the paper: any
    encoder, two dimensions, and one loss on the weighed logits instead of one a level. The
    skip `attention_gate` of other models is finer, and has no logits of levels.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What the decoder is made of.
        upsampling: Makes the maps of the decoder finer.
        width: Channels of the decoder at the full resolution; every coarser level doubles
            them, up to eight times.
        depth: Blocks of the decoder at each level.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        skips = [image, *self.encoder.features(image)]
        x = skips.pop()
        decoded: list[Tensor] = []
        while skips:
            level, side = len(skips) - 1, skips.pop()
            name = f"decoder_{level}"
            if level:
                side = self._gated(side, x, name=f"{name}_gate")
            x = self.upsampling(x, bricks=self.bricks, name=f"{name}_up")
            x = layers.Concatenate(name=f"{name}_skip")([x, side])
            channels = channels_at(level, width=self.width)
            x = self.bricks.blocks(x, channels, count=self.depth, name=name)
            decoded.insert(0, x)
        return side_outputs(decoded, num_classes=num_classes, kernel_px=1)

    def _gated(self, side: Tensor, x: Tensor, *, name: str) -> Tensor:
        """`side` where `x`, of half its sides, asks for it."""
        channels = side.shape[-1]
        inner = max(channels // 2, 1)
        seen = convolution(side, inner, name=f"{name}_seen", kernel_px=2, stride=2)
        asked = layers.Conv2D(inner, 1, name=f"{name}_asked")(x)
        both = self.bricks.activation(
            layers.Add(name=f"{name}_both")([seen, asked]), name=f"{name}_act"
        )
        gate = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_open")(both)
        gate = layers.UpSampling2D(2, interpolation="bilinear", name=f"{name}_fine")(gate)
        passed = layers.Multiply(name=f"{name}_passed")([side, gate])
        return self.bricks.linear_conv(passed, channels, name=name, kernel_px=1)
