"""Several losses of score maps as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least
from factory_core.models.interface import ScoreMapLoss, Tensor


@dataclass(frozen=True)
class Weighted:
    """One loss of a sum.

    Args:
        loss: The loss.
        weight: What it is multiplied by.
    """

    loss: ScoreMapLoss
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(0, weight=self.weight)


@dataclass(frozen=True)
class WeightedSum(ScoreMapLoss):
    """The sum of `losses`, each times its weight.

    Args:
        losses: By a name of your own.
    """

    losses: Mapping[str, Weighted]

    def __post_init__(self) -> None:
        if not any(part.weight for part in self.losses.values()):
            raise ValueError("`losses` must hold at least one loss with a weight above 0.")

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        return sum(part.weight * part.loss(target, output) for part in self.losses.values())
