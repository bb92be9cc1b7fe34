"""A decoder of 1 x 1 convolutions over any encoder: image to score map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.block import Plain
from factory_core.models.bricks.interface import (
    Activation,
    Attention,
    Bricks,
    Normalisation,
    Upsampling,
)
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel, full_size_logits


@dataclass(frozen=True)
class SegFormer(ScoreMapModel):
    """Features of all levels, each pixel by itself, brought together by a small perceptron.

    SegFormer (Xie et al. 2021, https://arxiv.org/abs/2105.15203); with one of the `mit_*`
    encoders it is the paper's, which relies on them: the decoder itself sees no neighbours.
    Differs from the paper: any encoder, the finest level may be half as coarse, no dropout.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        attention: On the fused map; the paper has none.
        normalisation: After the fusion.
        activation: After the normalisation.
        upsampling: Brings every level to the sides of the finest.
        width: Channels of every level and of the fusion.
        depth: Layers of the fusion; the paper has one.
        stride_px: Pixels of the image a pixel of the finest level, 2 or 4.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    attention: Attention
    normalisation: Normalisation
    activation: Activation
    upsampling: Upsampling
    width: int = 64
    depth: int = 1
    stride_px: Literal[2, 4] = 4

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        bricks = Bricks(Plain(), self.attention, self.normalisation, self.activation)
        features = self.encoder.features(image)[self.stride_px.bit_length() - 2 :]
        same = []
        for level, x in enumerate(features):
            x = layers.Dense(self.width, name=f"level_{level}")(x)
            if level:
                x = self.upsampling(x, bricks=bricks, name=f"level_{level}_up", factor=2**level)
            same.append(x)
        x = layers.Concatenate(name="fuse_join")(same) if len(same) > 1 else same[0]
        for number in range(1, self.depth + 1):
            x = bricks.conv(x, self.width, name=f"fuse_{number}", kernel_px=1)
        x = self.attention(x, name="fuse_attention")
        return full_size_logits(x, num_classes=num_classes, stride_px=self.stride_px)
