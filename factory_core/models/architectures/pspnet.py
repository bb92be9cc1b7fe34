"""A pyramid of means over the coarsest features: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.pyramid_pooling import pyramid_pooling
from factory_core.models.score_map import ScoreMapModel, full_size_logits


@dataclass(frozen=True)
class PspNet(ScoreMapModel):
    """Each pixel judged with the means of its surroundings at several scales.

    PSPNet (Zhao et al. 2017, https://arxiv.org/abs/1612.01105). Differs from the paper: any
    encoder, not dilated, so that the coarsest features have the stride of its levels (3 levels
    give the paper's 8 pixels); no auxiliary loss and no dropout.

    Args:
        encoder: What sees the image; only its coarsest features are used.
        loss: What training makes small.
        bricks: What all but the encoder is made of.
        grids: Cells a side of each level of the pyramid.
        width: Channels of the pyramid, divided among its levels, and of the blocks after it.
        depth: Blocks after the pyramid.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    grids: tuple[int, ...] = (1, 2, 3, 6)
    width: int = 128
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth, grids=self.grids)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        x = self.encoder.features(image)[-1]
        channels = max(self.width // len(self.grids), 1)
        x = pyramid_pooling(x, channels, grids=self.grids, bricks=self.bricks, name="pyramid")
        x = self.bricks.blocks(x, self.width, count=self.depth, name="after")
        return full_size_logits(x, num_classes=num_classes, stride_px=2**self.encoder.levels)
