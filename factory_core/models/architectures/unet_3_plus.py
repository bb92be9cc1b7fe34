"""A U-Net whose decoder sees all scales at each of its levels: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.head import score_head
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class UNet3Plus(ScoreMapModel):
    """Each map of the decoder from the finer maps of the encoder and the coarser decoded ones.

    U-Net 3+ (Huang et al. 2020, https://arxiv.org/abs/2004.08790): full-scale skips, as many
    channels from every scale. Differs from the paper: any encoder and block, a block on the
    image itself is the finest map, coarser maps go through their convolution before they are
    made finer, which costs less, and its deep supervision and classification-guided module
    are left out.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What the decoder is made of.
        upsampling: Brings coarser maps to the sides of a finer one.
        width: Channels from each scale; a decoded map has those of all scales together. The
            paper has 64.
        depth: Blocks of each decoded map.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        finest = self.bricks.blocks(image, self.width, count=self.depth, name="finest")
        maps = [finest, *self.encoder.features(image)]
        channels = self.width * len(maps)
        for level in range(len(maps) - 2, -1, -1):
            # Coarser than `level` are decoded maps already, the others are the encoder's.
            views = [self._view(x, scale, level) for scale, x in enumerate(maps)]
            x = layers.Concatenate(name=f"decoder_{level}_scales")(views)
            name = f"decoder_{level}"
            maps[level] = self.bricks.blocks(x, channels, count=self.depth, name=name)
        return score_head(maps[0], num_classes=num_classes)

    def _view(self, x: Tensor, scale: int, level: int) -> Tensor:
        """The map of one scale, as `level` sees it."""
        name = f"decoder_{level}_from_{scale}"
        if scale < level:
            x = layers.MaxPooling2D(2 ** (level - scale), name=f"{name}_pool")(x)
        x = self.bricks.conv(x, self.width, name=name)
        if scale > level:
            factor = 2 ** (scale - level)
            x = self.upsampling(x, bricks=self.bricks, name=f"{name}_up", factor=factor)
        return x
