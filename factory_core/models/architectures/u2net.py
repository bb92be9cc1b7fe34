"""A U-Net whose every stage is a small U-Net: image to score map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.decoders import side_outputs
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel

# Table 1 of the paper, in units of `width`: sides halved inside a stage, channels inside and
# outside; finest stage first. A stage that halves none has dilated convolutions instead.
Plan = tuple[int, float, float]
DOWN: tuple[Plan, ...] = ((5, 1, 2), (4, 1, 4), (3, 2, 8), (2, 4, 16), (0, 8, 16), (0, 8, 16))
UP: tuple[Plan, ...] = ((5, 0.5, 2), (4, 1, 2), (3, 2, 4), (2, 4, 8), (0, 8, 16))
DILATIONS = (1, 2, 4)


@dataclass(frozen=True)
class U2Net(ScoreMapModel):
    """Residual U-blocks see far at every stage, at the full resolution too.

    U2-Net (Qin et al. 2020, https://arxiv.org/abs/2005.09007). Differs from the paper: any block
    in place of its convolutions, as many logits as classes, and one loss on the fused logits
    instead of one on each side output too. It sees the image itself and starts from noise.

    Args:
        loss: What training makes small.
        bricks: What it is made of.
        upsampling: Makes the maps finer, in the stages and between them.
        width: Channels inside the finest stage of the way down, of which all others are
            multiples; the paper has 32.
        depth: Residual U-blocks of each stage; the paper has 1.
    """

    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    width: int = 8
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    @property
    def divisor_px(self) -> int:
        """What the sides of a window must be divisible by."""
        return int(2 ** (len(DOWN) - 1))

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Nothing to load: it starts from noise."""
        del network, bands

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        x = image
        skips = []
        for level, plan in enumerate(DOWN):
            if level:
                x = layers.MaxPooling2D(2, name=f"down_{level}_pool")(x)
            x = self._stage(x, plan, name=f"down_{level}")
            skips.append(x)
        decoded = [skips.pop()]
        for level, plan in reversed(list(enumerate(UP))):
            x = self.upsampling(decoded[0], bricks=self.bricks, name=f"up_{level}_finer")
            x = layers.Concatenate(name=f"up_{level}_skip")([x, skips.pop()])
            decoded.insert(0, self._stage(x, plan, name=f"up_{level}"))
        return side_outputs(decoded, num_classes=num_classes, kernel_px=3)

    def _stage(self, x: Tensor, plan: Plan, *, name: str) -> Tensor:
        """Residual U-blocks, one after the other."""
        halvings, *multiples = plan
        inside, outside = (math.ceil(multiple * self.width) for multiple in multiples)
        for number in range(1, self.depth + 1):
            begin = f"{name}_{number}"
            x = self.bricks.block(x, outside, bricks=self.bricks, name=f"{begin}_in")
            y = (
                self._u_block(x, inside, halvings=halvings, name=begin)
                if halvings
                else self._dilated(x, inside, name=begin)
            )
            x = layers.Add(name=f"{begin}_add")([x, y])
        return x

    def _u_block(self, x: Tensor, inside: int, *, halvings: int, name: str) -> Tensor:
        """A U-Net of as many levels as sides are halved, dilated at its bottom."""
        block, outside = self.bricks.block, x.shape[-1]
        sides = [block(x, inside, bricks=self.bricks, name=f"{name}_down_0")]
        for level in range(1, halvings + 1):
            y = layers.MaxPooling2D(2, name=f"{name}_pool_{level}")(sides[-1])
            sides.append(block(y, inside, bricks=self.bricks, name=f"{name}_down_{level}"))
        y = block(sides[-1], inside, bricks=self.bricks, name=f"{name}_bottom", dilation=2)
        for level in range(halvings, -1, -1):
            y = layers.Concatenate(name=f"{name}_skip_{level}")([y, sides[level]])
            channels = inside if level else outside
            y = block(y, channels, bricks=self.bricks, name=f"{name}_up_{level}")
            if level:
                y = self.upsampling(y, bricks=self.bricks, name=f"{name}_finer_{level}")
        return y

    def _dilated(self, x: Tensor, inside: int, *, name: str) -> Tensor:
        """A U-Net that spreads its kernels instead of halving the sides."""
        block, outside = self.bricks.block, x.shape[-1]
        sides, y = [], x
        for dilation in DILATIONS:
            begin = f"{name}_down_{dilation}"
            y = block(y, inside, bricks=self.bricks, name=begin, dilation=dilation)
            sides.append(y)
        bottom = 2 * DILATIONS[-1]
        y = block(y, inside, bricks=self.bricks, name=f"{name}_bottom", dilation=bottom)
        for dilation in reversed(DILATIONS):
            begin = f"{name}_up_{dilation}"
            y = layers.Concatenate(name=f"{begin}_skip")([y, sides.pop()])
            channels = inside if sides else outside
            y = block(y, channels, bricks=self.bricks, name=begin, dilation=dilation)
        return y
