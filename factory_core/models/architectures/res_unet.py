"""A U-Net of residual units from the full resolution on: image to score map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Skip, Upsampling
from factory_core.models.decoders import channels_at
from factory_core.models.head import score_head
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class ResUNet(ScoreMapModel):
    """Residual units down, across and up again, the first at the sides of the image.

    Deep residual U-Net (Zhang et al. 2017, https://arxiv.org/abs/1711.10684): strides instead
    of pooling, and units of normalisation, activation, convolution. Differs from the paper:
    the first unit comes after a convolution, and the number of levels is a choice. It sees the
    image itself and starts from noise.

    Args:
        loss: What training makes small.
        bricks: What it is made of; the paper's units are the block `pre_activation`.
        skip: Joins what goes up with what went down.
        upsampling: Makes the maps finer.
        levels: Times that the sides are halved; the paper has 3.
        width: Channels at the full resolution; every coarser level doubles them, up to eight
            times. The paper has 64.
        depth: Units at each level on each way.
    """

    loss: ScoreMapLoss
    bricks: Bricks
    skip: Skip
    upsampling: Upsampling
    levels: int = 3
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, levels=self.levels, width=self.width, depth=self.depth)

    @property
    def divisor_px(self) -> int:
        """What the sides of a window must be divisible by."""
        return int(2**self.levels)

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Nothing to load: it starts from noise."""
        del network, bands

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        x = self.bricks.conv(image, self.width, name="stem")
        x = self.bricks.blocks(x, self.width, count=self.depth, name="down_0")
        skips = [x]
        for level in range(1, self.levels + 1):
            skips.append(self._down(skips[-1], level))
        x = skips.pop()
        while skips:
            level = len(skips) - 1
            name = f"up_{level}"
            x = self.upsampling(x, bricks=self.bricks, name=f"{name}_finer")
            x = self.skip(x, skips.pop(), bricks=self.bricks, name=f"{name}_skip")
            channels = channels_at(level, width=self.width)
            x = self.bricks.blocks(x, channels, count=self.depth, name=name)
        return score_head(x, num_classes=num_classes)

    def _down(self, x: Tensor, level: int) -> Tensor:
        """Units of one level, the first of which halves the sides."""
        channels, name = channels_at(level, width=self.width), f"down_{level}"
        x = self.bricks.block(x, channels, bricks=self.bricks, name=f"{name}_half", stride=2)
        return self.bricks.blocks(x, channels, count=self.depth - 1, name=name)
