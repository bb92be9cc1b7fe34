"""Normalisations."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
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


@dataclass(frozen=True)
class GroupNormalisation(Normalisation):
    """By the mean and variance of groups of channels of one window.

    Wu and He 2018, https://arxiv.org/abs/1803.08494. Differs from the paper: as many groups as
    divide the channels and leave two in each, so that it takes any number of channels and a
    map of one pixel keeps something.

    Args:
        groups: Most groups.
        epsilon: Added to the variance.
    """

    groups: int = 16
    epsilon: float = 1e-3

    def __post_init__(self) -> None:
        check_at_least(1, groups=self.groups)

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` normalised, its channels scaled and shifted as learnt."""
        channels = x.shape[-1]
        most = max(min(self.groups, channels // 2), 1)
        groups = max(count for count in range(1, most + 1) if channels % count == 0)
        return layers.GroupNormalization(groups, epsilon=self.epsilon, name=name)(x)


@dataclass(frozen=True)
class LayerNormalisation(Normalisation):
    """By the mean and variance of the channels of each pixel.

    Ba et al. 2016, https://arxiv.org/abs/1607.06450, on maps as ConvNeXt has it (Liu et al.
    2022, https://arxiv.org/abs/2201.03545).

    Args:
        epsilon: Added to the variance.
    """

    epsilon: float = 1e-3

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` normalised, its channels scaled and shifted as learnt."""
        return layers.LayerNormalization(epsilon=self.epsilon, name=name)(x)


@dataclass(frozen=True)
class InstanceNormalisation(Normalisation):
    """By the mean and variance of each channel of one window.

    Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022. Of a map of one pixel nothing is
    left but the learnt shift.

    Args:
        epsilon: Added to the variance.
    """

    epsilon: float = 1e-3

    def __call__(self, x: Tensor, *, name: str) -> Tensor:
        """`x` normalised, its channels scaled and shifted as learnt."""
        return layers.GroupNormalization(groups=-1, epsilon=self.epsilon, name=name)(x)
