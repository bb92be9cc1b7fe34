"""A U-Net over any encoder: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.models.bricks.interface import Bricks, Skip, Upsampling
from factory_core.models.head import head
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
        if self.width < 1 or self.depth < 1:
            raise ValueError(
                "`width` and `depth` must be at least 1. "
                f"Received: width={self.width}, depth={self.depth}."
            )

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        skips = [image, *self.encoder.features(image)]
        x = skips.pop()
        while skips:
            level = len(skips) - 1
            channels = self.width * 2 ** min(level, 3)
            x = self.upsampling(x, bricks=self.bricks, name=f"decoder_{level}_up")
            x = self.skip(x, skips.pop(), bricks=self.bricks, name=f"decoder_{level}_skip")
            for number in range(1, self.depth + 1):
                name = f"decoder_{level}_{number}"
                x = self.bricks.block(x, channels, bricks=self.bricks, name=name)
        return head(x, 1 + num_classes, name="logits")
