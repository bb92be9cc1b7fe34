"""Fine and coarse maps side by side, exchanged again and again: image to score map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel, full_size_logits

STEM_PX = 4


@dataclass(frozen=True)
class HrNet(ScoreMapModel):
    """Keeps a map at a quarter of the sides from the first layer to the last.

    HRNetV2 (Wang et al. 2019, https://arxiv.org/abs/1908.07919): each stage adds a branch of
    half the sides and twice the channels, and at the end of each of its modules every branch
    gets the sum of all. Differs from the paper: stem and first stage are made of `width` and
    `block` (the paper has 64 channels and bottlenecks), and up-sampling is a choice. It sees
    the image itself and starts from noise.

    Args:
        loss: What training makes small.
        bricks: What it is made of.
        upsampling: Brings coarser branches to finer ones.
        modules: Modules of each stage after the first; the paper has 1, 4, 3, its small
            version 1, 3, 2.
        width: Channels of the finest branch; the paper has 18 to 48.
        depth: Blocks of each branch in each module; the paper has 4, its small version 2.
    """

    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    modules: tuple[int, ...] = (1, 3, 2)
    width: int = 18
    depth: int = 2

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth, modules=self.modules)

    @property
    def divisor_px(self) -> int:
        """What the sides of a window must be divisible by."""
        return int(STEM_PX * 2 ** len(self.modules))

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Nothing to load: it starts from noise."""
        del network, bands

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        conv = self.bricks.conv
        x = conv(image, 2 * self.width, name="stem_1", stride=2)
        x = conv(x, 2 * self.width, name="stem_2", stride=2)
        x = self.bricks.blocks(x, 2 * self.width, count=self.depth, name="stage_1")
        branches = [conv(x, self.width, name="stage_1_out")]
        for stage, modules in enumerate(self.modules, start=2):
            coarsest = x if stage == 2 else branches[-1]
            channels = self.width * 2 ** (stage - 1)
            branches.append(conv(coarsest, channels, name=f"stage_{stage}_new", stride=2))
            for module in range(1, modules + 1):
                branches = self._module(branches, name=f"stage_{stage}_{module}")
        same = branches[:1] + [
            self.upsampling(x, bricks=self.bricks, name=f"fuse_{level}_up", factor=2**level)
            for level, x in enumerate(branches[1:], start=1)
        ]
        x = layers.Concatenate(name="fuse_join")(same)
        x = conv(x, x.shape[-1], name="fuse", kernel_px=1)
        return full_size_logits(x, num_classes=num_classes, stride_px=STEM_PX)

    def _module(self, branches: Sequence[Tensor], *, name: str) -> list[Tensor]:
        """Blocks in every branch, then each branch the sum of all."""
        seen = [
            self.bricks.blocks(x, x.shape[-1], count=self.depth, name=f"{name}_branch_{level}")
            for level, x in enumerate(branches)
        ]
        exchanged = []
        for to in range(len(seen)):
            terms = [
                self._bring(x, level, to, channels=seen[to].shape[-1], name=f"{name}_{level}_{to}")
                for level, x in enumerate(seen)
            ]
            total = layers.Add(name=f"{name}_add_{to}")(terms)
            exchanged.append(self.bricks.activation(total, name=f"{name}_act_{to}"))
        return exchanged

    def _bring(self, x: Tensor, level: int, to: int, *, channels: int, name: str) -> Tensor:
        """A branch to the sides and channels of another: up at once, down step by step."""
        if level > to:
            x = self.bricks.linear_conv(x, channels, name=name, kernel_px=1)
            factor = 2 ** (level - to)
            return self.upsampling(x, bricks=self.bricks, name=f"{name}_up", factor=factor)
        for step in range(level + 1, to):
            x = self.bricks.conv(x, x.shape[-1], name=f"{name}_{step}", stride=2)
        if level < to:
            x = self.bricks.linear_conv(x, channels, name=f"{name}_{to}", stride=2)
        return x
