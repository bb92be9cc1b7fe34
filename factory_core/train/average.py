"""Averages of a network's weights over the steps, which find better than any one step's."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from factory_core.kernel.limits import check_within


class Average(ABC):
    """Which weights go into the average, and how much each counts.

    The moving figures of batch normalisation are averaged as the weights are, so that the
    average can be used as it stands.

    Attributes:
        every_steps: Steps between two looks at the weights; every epoch ends with one anyhow.
    """

    every_steps: ClassVar[float] = math.inf

    @abstractmethod
    def keep(self, *, since: int, now: int, steps: int) -> float:
        """Share of the average that stays when the weights after a step are taken in.

        Args:
            since: Steps at the look before this one; 0 at the first.
            now: Steps done.
            steps: Steps of the whole training.
        """


@dataclass(frozen=True)
class Moving(Average):
    """The exponential moving average (Polyak and Juditsky 1992).

    The first steps count for little. The weights are looked at every eighth step: they change
    little in between, and copying them at each would cost time.

    Args:
        momentum: Share that the average keeps at each step.
    """

    momentum: float = 0.98
    every_steps: ClassVar[float] = 8

    def __post_init__(self) -> None:
        check_within(0, 1, without=(0, 1), momentum=self.momentum)

    def keep(self, *, since: int, now: int, steps: int) -> float:
        """The momentum, once for each step since the last look; less at the start."""
        del steps
        return math.prod(min(self.momentum, step / (10 + step)) for step in range(since, now))


@dataclass(frozen=True)
class StochasticWeights(Average):
    """The plain mean of the last epochs (SWA, Izmailov et al. 2018, arXiv:1803.05407).

    The paper passes over the data once more for batch normalisation; here its moving figures
    are averaged. Until the first of those epochs ends, the weights are the last step's.

    Args:
        first_share: Share of the training that is over before the mean begins.
    """

    first_share: float = 0.75

    def __post_init__(self) -> None:
        check_within(0, 1, without=1, first_share=self.first_share)

    def keep(self, *, since: int, now: int, steps: int) -> float:
        """What makes every step since the first count the same."""
        first = self.first_share * steps
        return (since - first) / (now - first) if since > first else 0.0


@dataclass(frozen=True)
class LastStep(Average):
    """No average: the weights of the last step."""

    def keep(self, *, since: int, now: int, steps: int) -> float:
        """Nothing."""
        del since, now, steps
        return 0.0


class Running:
    """The average of one training while it runs.

    Args:
        average: How to average.
        weights: Keras variables, in the order of `values`.
        steps: Steps of the whole training.
    """

    def __init__(self, average: Average, weights: Sequence[Any], *, steps: int) -> None:
        self.average = average
        self.weights = list(weights)
        self.steps = steps
        self.since = 0
        self.values = values_of(self.weights)

    def look(self, now: int, *, end_of_epoch: bool) -> None:
        """Take in the weights after step `now`, if it is their turn."""
        if now % self.average.every_steps and not end_of_epoch:
            return
        keep = np.float32(self.average.keep(since=self.since, now=now, steps=self.steps))
        self.since = now
        for value, weight in zip(self.values, self.weights, strict=True):
            value *= keep
            value += (1 - keep) * weight.numpy()

    @contextmanager
    def shown_by(self, weights: Sequence[Any]) -> Iterator[None]:
        """Within the block `weights` have the average, after it their own values again."""
        own = values_of(weights)
        assign(weights, self.values)
        yield
        assign(weights, own)


def values_of(variables: Sequence[Any]) -> list[np.ndarray]:
    """A copy of the value of each variable."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Give each variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
