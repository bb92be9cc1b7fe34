"""Up-sampling: a map to a finer one."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Bricks, Upsampling
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Nearest(Upsampling):
    """Each pixel repeated."""

    def __call__(self, x: Tensor, *, bricks: Bricks, name: str, factor: int = 2) -> Tensor:
        """`x` at `factor` times its sides."""
        del bricks
        return layers.UpSampling2D(factor, name=name)(x)
