"""Pyramid pooling on top of a feature pyramid: image to score map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Neck, Upsampling
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.pyramid_pooling import pyramid_pooling
from factory_core.models.score_map import ScoreMapModel, full_size_logits


@dataclass(frozen=True)
class UperNet(ScoreMapModel):
    """A feature pyramid that begins with the means of the surroundings, fused side by side.

    UPerNet (Xiao et al. 2018, https://arxiv.org/abs/1807.10221), its head for objects.
    Differs from the paper: any encoder and neck, the finest level may be half as coarse, and
    no auxiliary loss.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What all but the encoder is made of.
        neck: Makes the pyramid; the paper's is `fpn`.
        upsampling: Brings every level to the sides of the finest.
        grids: Cells a side of each level of the pooling over the coarsest features.
        width: Channels of every level and of the fusion.
        depth: Blocks of the fusion.
        stride_px: Pixels of the image a pixel of the finest level, 2 or 4.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    neck: Neck
    upsampling: Upsampling
    grids: tuple[int, ...] = (1, 2, 3, 6)
    width: int = 64
    depth: int = 1
    stride_px: Literal[2, 4] = 4

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth, grids=self.grids)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        bricks = self.bricks
        *finer, coarsest = self.encoder.features(image)[self.stride_px.bit_length() - 2 :]
        channels = max(self.width // len(self.grids), 1)
        x = pyramid_pooling(coarsest, channels, grids=self.grids, bricks=bricks, name="pyramid")
        x = bricks.conv(x, self.width, name="pyramid_project")
        levels = self.neck([*finer, x], self.width, bricks=bricks, name="neck")
        same = levels[:1] + [
            self.upsampling(x, bricks=bricks, name=f"level_{level}_up", factor=2**level)
            for level, x in enumerate(levels[1:], start=1)
        ]
        x = layers.Concatenate(name="fuse_join")(same) if len(same) > 1 else same[0]
        x = bricks.blocks(x, self.width, count=self.depth, name="fuse")
        return full_size_logits(x, num_classes=num_classes, stride_px=self.stride_px)
