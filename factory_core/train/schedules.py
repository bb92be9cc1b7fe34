"""How the learning rate moves; stated in epochs, computed by Keras at every step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from keras.optimizers import schedules

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_at_least, check_within


class Schedule(ABC):
    """The rate of the optimiser over the epochs of a training.

    Attributes:
        cycles: Times that the rate falls to its end; weights of each are kept, as
            members of an ensemble where there are several.
    """

    @property
    def cycles(self) -> int:
        """One, unless the rate rises again."""
        return 1

    @abstractmethod
    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """The rate as Keras takes it: a number, or a schedule of its own.

        Args:
            rate: Of the optimiser, its highest.
            epochs: Of the training.
            steps: Batches of an epoch.
        """


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate of the optimiser, or of a Keras schedule that stands in its place."""

    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """The rate as it is."""
        del epochs, steps
        return rate


@dataclass(frozen=True)
class Cosine(Schedule):
    """Rises in a line, then falls along half a cosine (Loshchilov and Hutter 2017).

    Args:
        warmup_epochs: Epochs in which it rises.
        end_share: What is left of the rate at the last step.
    """

    warmup_epochs: float = 2.0
    end_share: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(0, warmup_epochs=self.warmup_epochs)
        check_within(0, 1, end_share=self.end_share)

    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """Keras' `CosineDecay`."""
        if self.warmup_epochs >= epochs:
            raise ConfigError(
                "`schedule.warmup_epochs` must be less than `train.epochs`. Received: "
                f"{self.warmup_epochs} and {epochs}."
            )
        warmup = round(self.warmup_epochs * steps)
        return schedules.CosineDecay(
            rate / (warmup + 1),  # 0 would waste the first step
            epochs * steps - warmup,
            alpha=self.end_share,
            warmup_target=rate,
            warmup_steps=warmup,
        )


@dataclass(frozen=True)
class CosineCycles(Schedule):
    """Falls to 0 along half a cosine, several times, each ending in a model of its own.

    Snapshot ensembles (Huang et al. 2017, arXiv:1704.00109): the members of an ensemble for the
    price of one training.

    Args:
        cycles: How often; must divide `train.epochs`.
    """

    cycles: int = 5

    def __post_init__(self) -> None:
        check_at_least(1, cycles=self.cycles)

    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """Keras' `CosineDecayRestarts`."""
        if epochs % self.cycles:
            raise ConfigError(
                "`schedule.cycles` must divide `train.epochs`, or a model would be kept in the "
                f"middle of a cycle. Received: {self.cycles} and {epochs}. Use "
                f"`train.epochs: {-(-epochs // self.cycles) * self.cycles}`."
            )
        length = epochs // self.cycles * steps
        return schedules.CosineDecayRestarts(rate, length, t_mul=1.0, m_mul=1.0)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Falls to an end along a power of the steps left; a line with a power of 1.

    Args:
        power: 0.9 is DeepLab's.
        end_share: What is left of the rate at the last step.
    """

    power: float = 0.9
    end_share: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(0, power=self.power)
        check_within(0, 1, end_share=self.end_share)

    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """Keras' `PolynomialDecay`."""
        return schedules.PolynomialDecay(
            rate, epochs * steps, end_learning_rate=rate * self.end_share, power=self.power
        )


@dataclass(frozen=True)
class Exponential(Schedule):
    """Falls by the same share in every epoch.

    Args:
        keep: Share of the rate that is left after an epoch.
    """

    keep: float = 0.95

    def __post_init__(self) -> None:
        check_within(0, 1, keep=self.keep)

    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """Keras' `ExponentialDecay`."""
        del epochs
        return schedules.ExponentialDecay(rate, steps, self.keep)


@dataclass(frozen=True)
class Steps(Schedule):
    """Falls at chosen epochs, as detectors are often trained.

    Args:
        at_shares: Shares of the training after which it falls.
        keep: Share of the rate that is left each time.
    """

    at_shares: tuple[float, ...] = (0.67, 0.89)
    keep: float = 0.1

    def __post_init__(self) -> None:
        check_within(0, 1, at_shares=self.at_shares, keep=self.keep)
        if list(self.at_shares) != sorted(set(self.at_shares)):
            raise ValueError(f"`at_shares` must be rising. Received: {list(self.at_shares)}.")

    def __call__(self, rate: float, *, epochs: int, steps: int) -> Any:
        """Keras' `PiecewiseConstantDecay`."""
        values = [rate * self.keep**count for count in range(len(self.at_shares) + 1)]
        # Keras changes after the boundary; the step that is done then is the one before.
        places = [round(share * epochs * steps) - 1 for share in self.at_shares]
        return schedules.PiecewiseConstantDecay(places, values)
