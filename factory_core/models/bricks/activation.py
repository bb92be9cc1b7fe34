"""Activations."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Activation
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class Relu(Activation):
    """What is above 0 (Nair and Hinton 2010)."""

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x`, 0 where it was below."""
        return layers.ReLU(name=name)(x)
