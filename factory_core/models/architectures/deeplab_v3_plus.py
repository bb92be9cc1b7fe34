"""Atrous convolutions of several rates, and a short decoder: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.bricks.neck import aspp
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel, full_size_logits

LOW_SHARE = 48 / 256  # of the decoder's channels, for the low-level features (section 4.1)


@dataclass(frozen=True)
class DeepLabV3Plus(ScoreMapModel):
    """Wide sight on coarse features by atrous rates, borders from low-level ones.

    DeepLabv3+ (Chen et al. 2018, https://arxiv.org/abs/1802.02611). Differs from the paper:
    any encoder, itself not atrous, so that the output stride is that of its levels (4 levels
    give the paper's 16 pixels), and the convolutions of the pyramid are not separable; see
    `aspp`.

    Args:
        encoder: What sees the image. Low-level features are those at a quarter of its sides,
            or at half of them where it has two levels only.
        loss: What training makes small.
        bricks: What all but the encoder is made of.
        upsampling: Brings the pyramid to the sides of the low-level features.
        rates: Atrous rates of the pyramid, in pixels of the coarsest features; half the
            paper's, for windows of half its side. Beside them stand a 1 x 1 convolution and
            the mean of the window.
        width: Channels of pyramid and decoder.
        depth: Blocks of the decoder.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    upsampling: Upsampling
    rates: tuple[int, ...] = (3, 6, 9)
    width: int = 64
    depth: int = 2

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width, depth=self.depth, rates=self.rates)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        features = self.encoder.features(image)
        low_level = min(2, len(features) - 1)
        bricks, width = self.bricks, self.width
        x = aspp(features[-1], width, rates=self.rates, bricks=bricks, name="atrous")
        factor = 2 ** (len(features) - low_level)
        x = self.upsampling(x, bricks=bricks, name="decoder_up", factor=factor)
        low = features[low_level - 1]
        low = bricks.conv(low, max(int(width * LOW_SHARE), 1), name="low", kernel_px=1)
        x = layers.Concatenate(name="decoder_join")([x, low])
        x = bricks.blocks(x, width, count=self.depth, name="decoder")
        return full_size_logits(x, num_classes=num_classes, stride_px=2**low_level)
