"""A U-Net over any encoder: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Skip, Upsampling
from factory_core.models.decoders import channels_at
from factory_core.models.head import score_head
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class UNet(ScoreMapModel):
    """Encoder and decoder with skips (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597).

    Differs from the paper: any encoder and block, maps keep their sides at convolutions, and
    the image itself is the finest skip.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What the decoder is made of.
        skip: Joins decoder and encoder.
        upsampling: Makes the maps of the decoder finer.
        width: Channels of the decoder at the full resolution; every coarser level doubles
            them, up to eight times.
        depth: Blocks of the decoder at each level.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    skip: Skip
    upsampling: Upsampling
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        skips = [image, *self.encoder.features(image)]
        x = skips.pop()
        while skips:
            level = len(skips) - 1
            name = f"decoder_{level}"
            x = self.upsampling(x, bricks=self.bricks, name=f"{name}_up")
            x = self.skip(x, skips.pop(), bricks=self.bricks, name=f"{name}_skip")
            channels = channels_at(level, width=self.width)
            x = self.bricks.blocks(x, channels, count=self.depth, name=name)
        return score_head(x, num_classes=num_classes)
