"""Attention: what of a map counts, told from the map itself."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.models.bricks.interface import Attention
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class NoAttention(Attention):
    """Leaves the map as it is."""

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` itself."""
        del name
        return x
