"""A network of two paths that share their first layers, for slow machines: image to score map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling, depthwise
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.pyramid_pooling import pyramid_pooling
from factory_core.models.score_map import ScoreMapModel, full_size_logits

FINE_PX = 8  # pixels of the image a pixel of the fine path
COARSE_PX = 32


@dataclass(frozen=True)
class FastScnn(ScoreMapModel):
    """Learns to shrink the image, then sees far on a coarse map and adds the fine one.

    Fast-SCNN (Poudel et al. 2019, https://arxiv.org/abs/1902.04502). Differs from the paper:
    the blocks of the coarse path and the up-sampling are a choice (the paper's are inverted
    blocks with an expansion of 6, and bilinear), and no dropout. It sees the image itself and
    starts from noise.

    Args:
        loss: What training makes small.
        bricks: What it is made of; blocks are those of the coarse path.
        upsampling: Brings the coarse path to the sides of the fine one.
        grids: Cells a side of each level of the pooling at the end of the coarse path.
        width: Channels of the first layer, a quarter of those at the end.
        depth: Blocks of each of the three stages of the coarse path; the paper has 3.
    """

    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    grids: tuple[int, ...] = (1, 2, 3, 6)
    width: int = 32
    depth: int = 3

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth, grids=self.grids)

    @property
    def divisor_px(self) -> int:
        """What the sides of a window must be divisible by."""
        return COARSE_PX

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Nothing to load: it starts from noise."""
        del network, bands

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        fine = self._shrink(image)
        coarse = self._see_far(fine)
        x = self._fuse(fine, coarse)
        for number in (1, 2):
            x = self._separable(x, 4 * self.width, name=f"classify_{number}")
        return full_size_logits(x, num_classes=num_classes, stride_px=FINE_PX)

    def _shrink(self, image: Tensor) -> Tensor:
        """Learning to down-sample: the image at an eighth of its sides."""
        x = self.bricks.conv(image, self.width, name="shrink_1", stride=2)
        x = self._separable(x, self.width * 3 // 2, name="shrink_2", stride=2)
        return self._separable(x, 2 * self.width, name="shrink_3", stride=2)

    def _see_far(self, x: Tensor) -> Tensor:
        """Global feature extractor: blocks down to 1/32 of the sides, then pyramid pooling."""
        bricks, width = self.bricks, self.width
        for stage, (channels, stride) in enumerate(
            [(2 * width, 2), (3 * width, 2), (4 * width, 1)], start=1
        ):
            for number in range(1, self.depth + 1):
                name = f"coarse_{stage}_{number}"
                step = stride if number == 1 else 1
                x = bricks.block(x, channels, bricks=bricks, name=name, stride=step)
        x = pyramid_pooling(
            x, max(4 * width // len(self.grids), 1), grids=self.grids, bricks=bricks, name="pyramid"
        )
        return bricks.conv(x, 4 * width, name="pyramid_project", kernel_px=1)

    def _fuse(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Feature fusion: both paths at the sides of the fine one, added."""
        bricks, factor = self.bricks, COARSE_PX // FINE_PX
        coarse = self.upsampling(coarse, bricks=bricks, name="fuse_up", factor=factor)
        coarse = depthwise(coarse, name="fuse_depth_conv", dilation=factor)
        coarse = bricks.activation(
            bricks.normalisation(coarse, name="fuse_depth_norm"), name="fuse_depth_act"
        )
        both = [
            bricks.linear_conv(coarse, 4 * self.width, name="fuse_coarse", kernel_px=1),
            bricks.linear_conv(fine, 4 * self.width, name="fuse_fine", kernel_px=1),
        ]
        return bricks.activation(layers.Add(name="fuse_add")(both), name="fuse_act")

    def _separable(self, x: Tensor, channels: int, *, name: str, stride: int = 1) -> Tensor:
        """A convolution of each channel for itself, then one of each pixel for itself."""
        bricks = self.bricks
        x = depthwise(x, name=f"{name}_depth_conv", stride=stride)
        x = bricks.activation(
            bricks.normalisation(x, name=f"{name}_depth_norm"), name=f"{name}_depth_act"
        )
        return bricks.conv(x, channels, name=name, kernel_px=1)
