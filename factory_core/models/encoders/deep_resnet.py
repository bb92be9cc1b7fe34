"""The residual networks of the paper as encoders, of any bricks."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks
from factory_core.models.interface import Encoder, Tensor


@dataclass(frozen=True)
class DeepResNet(Encoder):
    """ResNet-18 to -101 (He et al. 2015, https://arxiv.org/abs/1512.03385), from noise.

    With the bricks of the paper (ReLU, batch normalisation, no attention, `basic` blocks in 18
    and 34, `bottleneck` in 50 and 101) it has the paper's weights to the last one, but the
    classifier. Differs from the paper: the stride of a bottleneck is in its 3 x 3 convolution
    (known as version 1.5).

    Args:
        bricks: What it is made of.
        stem: Channels of the 7 x 7 convolution at the start, the finest features.
        channels: Of each stage after it, `1/4` of the sides and coarser; a bottleneck is a
            quarter as wide inside.
        blocks: Blocks of each stage.
        depth: Feature maps kept, stem included; the coarsest has `1 / 2**depth` the sides.
    """

    bricks: Bricks
    stem: int = 64
    channels: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    depth: int = 5

    def __post_init__(self) -> None:
        check_at_least(1, stem=self.stem, channels=self.channels, blocks=self.blocks)
        if len(self.blocks) != len(self.channels):
            raise ValueError(
                "`channels` and `blocks` must state as many stages. Received: "
                f"channels={list(self.channels)}, blocks={list(self.blocks)}."
            )
        if not 2 <= self.depth <= 1 + len(self.blocks):
            raise ValueError(
                f"`depth` must lie in [2, {1 + len(self.blocks)}], the stem and the stages. "
                f"Received: {self.depth}."
            )

    @property
    def levels(self) -> int:
        """Number of feature maps."""
        return self.depth

    def features(self, image: Tensor) -> list[Tensor]:
        """Features of `1/2`, `1/4`, ... the sides of `image`, finest first."""
        x = self.bricks.conv(image, self.stem, name="encoder_stem", kernel_px=7, stride=2)
        found = [x]
        x = layers.MaxPooling2D(3, strides=2, padding="same", name="encoder_stem_pool")(x)
        for stage in range(self.depth - 1):
            for number in range(1, self.blocks[stage] + 1):
                x = self.bricks.block(
                    x,
                    self.channels[stage],
                    bricks=self.bricks,
                    name=f"encoder_{stage + 2}_{number}",
                    stride=2 if stage > 0 and number == 1 else 1,
                )
            found.append(x)
        return found
