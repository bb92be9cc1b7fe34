"""A narrow decoder that adds what the encoder saw: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Skip, Upsampling
from factory_core.models.decoders import link
from factory_core.models.head import score_head
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class LinkNet(ScoreMapModel):
    """A quarter of the channels where maps are made finer, so as fast as its encoder.

    LinkNet (Chaurasia and Culurciello 2017, https://arxiv.org/abs/1707.03718). Differs from the
    paper: any encoder, and its transposed 3 x 3 convolutions are an up-sampling and blocks.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What the decoder is made of.
        skip: Joins decoder and encoder; the paper adds.
        upsampling: Makes the maps of the decoder finer.
        width: Channels from the last skip to the logits; before it there are as many as the
            encoder has.
        depth: Blocks of the decoder at each level.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    skip: Skip
    upsampling: Upsampling
    width: int = 32
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        x = link(
            self.encoder.features(image),
            self.width,
            depth=self.depth,
            bricks=self.bricks,
            skip=self.skip,
            upsampling=self.upsampling,
        )
        return score_head(x, num_classes=num_classes)
