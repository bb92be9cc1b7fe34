"""What decoders of several architectures have in common."""

from __future__ import annotations

from collections.abc import Sequence

from keras import layers

from factory_core.models.bricks.interface import Bricks, Skip, Upsampling
from factory_core.models.head import score_head
from factory_core.models.interface import Tensor


def channels_at(level: int, *, width: int) -> int:
    """Channels of maps of `1 / 2**level` the sides: doubled at each level, up to eight times."""
    return int(width * 2 ** min(level, 3))


def link(
    features: Sequence[Tensor],
    width: int,
    *,
    depth: int,
    bricks: Bricks,
    skip: Skip,
    upsampling: Upsampling,
) -> Tensor:
    """The decoder of LinkNet: narrow between 1 x 1 convolutions, as wide as the encoder outside.

    Chaurasia and Culurciello 2017, https://arxiv.org/abs/1707.03718.

    Args:
        features: Of the encoder, finest first, the finest at half the sides of the image.
        width: Channels of the result.
        depth: Blocks at each level, where it is narrow.
        bricks: What it is made of.
        skip: Joins decoder and encoder.
        upsampling: Makes the maps finer.

    Returns:
        `(batch, height, width, width)`, of the sides of the image.
    """
    x = features[-1]
    for level in range(len(features) - 1, 0, -1):
        name = f"decoder_{level}"
        channels = features[level - 1].shape[-1]
        narrow = max(x.shape[-1] // 4, 1)
        x = bricks.conv(x, narrow, name=f"{name}_narrow", kernel_px=1)
        x = upsampling(x, bricks=bricks, name=f"{name}_up")
        x = bricks.blocks(x, narrow, count=depth, name=name)
        x = bricks.conv(x, channels, name=f"{name}_wide", kernel_px=1)
        x = skip(x, features[level - 1], bricks=bricks, name=f"{name}_skip")
    x = bricks.conv(x, width, name="decoder_last")
    return upsampling(x, bricks=bricks, name="decoder_last_up")


def side_outputs(maps: Sequence[Tensor], *, num_classes: int, kernel_px: int) -> Tensor:
    """Logits of several maps, each brought to the full sides, then weighed by a last layer.

    Args:
        maps: Finest first; each divides the sides of the first.
        num_classes: Number of classes, background not counted.
        kernel_px: Side of the kernel that gives the logits of each map.

    Returns:
        `(batch, height, width, 1 + class)` with the sides of the first map.
    """
    rows = maps[0].shape[1]
    found = []
    for number, x in enumerate(maps):
        x = layers.Conv2D(1 + num_classes, kernel_px, padding="same", name=f"side_{number}")(x)
        if x.shape[1] != rows:
            x = layers.UpSampling2D(
                rows // x.shape[1], interpolation="bilinear", name=f"side_{number}_full_size"
            )(x)
        found.append(x)
    return score_head(layers.Concatenate(name="sides")(found), num_classes=num_classes)
