"""Normalisations."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.models.bricks.interface import Normalisation
from factory_core.models.interface import Tensor


@dataclass(frozen=True)
class BatchNormalisation(Normalisation):
    """By the mean and variance of each channel over the batch.

    Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167.

    Args:
        momentum: Share that the moving figures keep at each step. Keras' own 0.99 needs
            hundreds of steps to forget the start; short trainings have no more.
        epsilon: Added to the variance.
    """

    momentum: float = 0.9
    epsilon: float = 1e-3

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` normalised, its channels scaled and shifted as learnt."""
        return layers.BatchNormalization(momentum=self.momentum, epsilon=self.epsilon, name=name)(x)
