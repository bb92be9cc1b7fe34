"""Skips: what a decoder takes from the encoder at the same resolution."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Bricks, Skip
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Concat(Skip):
    """Both maps, one after the other (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597)."""

    def __call__(self, x: Tensor, side: Tensor, *, bricks: Bricks, name: str) -> Tensor:
        """Channels of `x`, then those of `side`."""
        del bricks
        return layers.Concatenate(name=name)([x, side])
