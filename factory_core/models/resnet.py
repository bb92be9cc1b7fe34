"""A residual encoder from scratch, of any width and depth."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.blocks import conv_norm_relu, normalise
from factory_core.models.interface import Encoder, Tensor


@dataclass(frozen=True)
class ResNet(Encoder):
    """Basic residual blocks (He et al. 2015, https://arxiv.org/abs/1512.03385), no pretraining.

    Args:
        width: Channels of the finest features; every level doubles them, up to eight times.
        blocks: Residual blocks a level.
        depth: Levels; the coarsest has `1 / 2**depth` the sides of the image.
    """

    width: int = 16
    blocks: int = 1
    depth: int = 4

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 1 or not 2 <= self.depth <= 6:
            raise ValueError(
                "`width` and `blocks` must be at least 1 and `depth` lie in [2, 6]. Received: "
                f"width={self.width}, blocks={self.blocks}, depth={self.depth}."
            )

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
            x = conv_norm_relu(x, channels, name=f"encoder_{level}_down", stride=2)
            for block in range(1, self.blocks + 1):
                x = _residual(x, channels, name=f"encoder_{level}_{block}")
            found.append(x)
        return found


def _residual(x: Tensor, channels: int, *, name: str) -> Tensor:
    y = conv_norm_relu(x, channels, name=f"{name}_a")
    y = layers.Conv2D(
        channels,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_b_conv",
    )(y)
    y = normalise(y, name=f"{name}_b_norm")
    y = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_relu")(y)
