"""Necks: features of all resolutions that see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Bricks, Neck
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class NoNeck(Neck):
    """Each map for itself, brought to the width."""

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map through a 1 x 1 convolution."""
        return [
            bricks.conv(x, width, name=f"{name}_{level}", kernel_px=1)
            for level, x in enumerate(features, start=1)
        ]


@dataclass(frozen=True)
class Fpn(Neck):
    """Coarse features added to finer ones, from the top down.

    Feature pyramid (Lin et al. 2017, https://arxiv.org/abs/1612.03144); what is handed down
    has been through the 3 x 3 convolution of its level.
    """

    def __call__(
        self, features: Sequence[Tensor], width: int, *, bricks: Bricks, name: str
    ) -> list[Tensor]:
        """Each map with all coarser ones in it."""
        x = bricks.conv(features[-1], width, name=f"{name}_{len(features)}", kernel_px=1)
        found = [x]
        for level in range(len(features) - 1, 0, -1):
            side = bricks.conv(features[level - 1], width, name=f"{name}_{level}", kernel_px=1)
            x = layers.UpSampling2D(2, name=f"{name}_{level}_up")(x)
            x = layers.Add(name=f"{name}_{level}_add")([x, side])
            x = bricks.conv(x, width, name=f"{name}_{level}_merge")
            found.append(x)
        return found[::-1]
