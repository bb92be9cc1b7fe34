"""A feature pyramid whose levels are added up: image to score map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Neck, Upsampling
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel, full_size_logits


@dataclass(frozen=True)
class Fpn(ScoreMapModel):
    """Every level of a pyramid made as fine as the finest, then summed.

    The semantic branch of Panoptic FPN (Kirillov et al. 2019, https://arxiv.org/abs/1901.02446)
    over a feature pyramid (Lin et al. 2017, https://arxiv.org/abs/1612.03144). Differs from the
    paper: any encoder and neck, as many channels in the branches as in the pyramid, and the
    finest level may be half as coarse.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What neck and branches are made of.
        neck: Makes the pyramid.
        upsampling: Makes the maps of the branches finer.
        width: Channels of pyramid and branches.
        depth: Blocks before each up-sampling.
        stride_px: Pixels of the image a pixel of the finest level, 2 or 4; 2 keeps objects of
            a few pixels, at four times the operations.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    neck: Neck
    upsampling: Upsampling
    width: int = 64
    depth: int = 1
    stride_px: Literal[2, 4] = 4

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        features = self.encoder.features(image)[self.stride_px.bit_length() - 2 :]
        pyramid = self.neck(features, self.width, bricks=self.bricks, name="neck")
        branches = [self._to_finest(x, level) for level, x in enumerate(pyramid)]
        x = layers.Add(name="branches")(branches) if len(branches) > 1 else branches[0]
        return full_size_logits(x, num_classes=num_classes, stride_px=self.stride_px)

    def _to_finest(self, x: Tensor, level: int) -> Tensor:
        """A level of the pyramid, 0 the finest, to the sides of the finest."""
        for step in range(1, max(level, 1) + 1):
            name = f"branch_{level}_{step}"
            x = self.bricks.blocks(x, self.width, count=self.depth, name=name)
            if level:
                x = self.upsampling(x, bricks=self.bricks, name=f"{name}_up")
        return x
