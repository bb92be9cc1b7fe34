"""Residual encoders from scratch, of any width, depth and bricks."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.models.bricks.interface import Bricks
from factory_core.models.interface import Encoder, Tensor


@dataclass(frozen=True)
class ResNet(Encoder):
    """Blocks of ever coarser maps (He et al. 2015, https://arxiv.org/abs/1512.03385), from noise.

    Differs from the paper: a 3 x 3 convolution of stride 2 begins each level, no maximum is
    taken, so small objects keep their place.

    Args:
        bricks: What it is made of.
        width: Channels of the finest features; every level doubles them, up to eight times.
        blocks: Blocks a level.
        depth: Levels; the coarsest has `1 / 2**depth` the sides of the image.
    """

    bricks: Bricks
    width: int = 16
    blocks: int = 1
    depth: int = 4

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, blocks=self.blocks)
        check_within(2, 6, depth=self.depth)

    @property
    def levels(self) -> int:
        """Number of feature maps."""
        return self.depth

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of `1/2`, `1/4`, ... the sides of `image`, finest first."""
        x = image
        found = []
        for level in range(1, self.depth + 1):
            channels = self.width * 2 ** min(level - 1, 3)
            x = self.bricks.conv(x, channels, name=f"encoder_{level}_down", stride=2)
            for number in range(1, self.blocks + 1):
                name = f"encoder_{level}_{number}"
                x = self.bricks.block(x, channels, bricks=self.bricks, name=name)
            found.append(x)
        return found
