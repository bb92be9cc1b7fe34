"""A U-Net whose skips are U-Nets themselves: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.decoders import channels_at
from factory_core.models.head import score_head
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class UNetPlusPlus(ScoreMapModel):
    """A triangle of maps: each sees all maps before it in its row, and the coarser one below.

    U-Net++ (Zhou et al. 2018, https://arxiv.org/abs/1807.10165). Differs from the paper: any
    encoder and block, a block on the image itself begins the finest row, and deep supervision
    is one loss on the mean of the logits, not one on each.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What the triangle is made of.
        upsampling: Brings the map below to the sides of a row.
        deep_supervision: Give the mean of the logits of all U-Nets in the triangle, not only
            those of the deepest.
        width: Channels of the finest row; every coarser one doubles them, up to eight times.
        depth: Blocks of each map.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    deep_supervision: bool = True
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        finest = self.bricks.blocks(image, self.width, count=self.depth, name="node_0_0")
        rows = [[x] for x in (finest, *self.encoder.features(image))]
        while len(rows) > 1:  # one column a pass; the coarsest row has no further map
            for row in range(len(rows) - 1):
                rows[row].append(self._node(rows[row], rows[row + 1][-1], row=row))
            rows.pop()
        found = rows[0][1:] if self.deep_supervision else rows[0][-1:]
        logits = [
            score_head(x, num_classes=num_classes, name=f"logits_{column}")
            for column, x in enumerate(found, start=1)
        ]
        return layers.Average(name="logits")(logits) if len(logits) > 1 else logits[0]

    def _node(self, seen: list[Tensor], below: Tensor, *, row: int) -> Tensor:
        """The next map of a row, from all maps `seen` before it and the one `below`."""
        name = f"node_{row}_{len(seen)}"
        x = self.upsampling(below, bricks=self.bricks, name=f"{name}_up")
        x = layers.Concatenate(name=f"{name}_skip")([*seen, x])
        channels = channels_at(row, width=self.width)
        return self.bricks.blocks(x, channels, count=self.depth, name=name)
