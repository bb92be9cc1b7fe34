"""How sure the best point is: its interval, and whether the next ones are really worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from factory_core.evaluate.metric import LEAST_SCENES, interval
from factory_core.running_points.choose import Tried
from factory_core.running_points.evaluator import Evaluator


@dataclass(frozen=True)
class Standing:
    """A point beside the best one, in one metric.

    Attributes:
        tried: The point.
        value: Of the metric.
        low: Of the interval of the value; None where there are too few scenes for one.
        high: Of the same.
        behind: How far it is behind the best; 0 for the best itself.
        behind_low: Of the interval of that difference.
        behind_high: Of the same.
    """

    tried: Tried
    value: float
    low: float | None
    high: float | None
    behind: float
    behind_low: float | None
    behind_high: float | None

    @property
    def verdict(self) -> str:
        """`worse`, `not told apart`, or `too few scenes` where nothing can be said."""
        if self.behind_low is None or self.behind_high is None:
            return "too few scenes"
        return "worse" if self.behind_low > 0 else "not told apart"


def stand_beside_best(
    ranked: Sequence[Tried], evaluator: Evaluator, *, metric: str, maximize: bool
) -> list[Standing]:
    """The best point and those after it, on the same draws of scenes (paired bootstrap).

    Args:
        ranked: The best first.
        evaluator: Detects and measures again: all numbers of all draws of a thousand points
            would be too much to keep.
        metric: That is compared.
        maximize: Whether more of it is better.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    weights = evaluator.ruler.draws
    enough = weights.shape[1] >= LEAST_SCENES
    standings: list[Standing] = []
    best: np.ndarray | None = None
    for one in ranked:
        draws = _draws(one, evaluator, metric=metric)
        best = draws if best is None else best
        behind = (best - draws) * (1 if maximize else -1)
        low, high = interval(draws[1:]) if enough else (None, None)
        behind_low, behind_high = interval(behind[1:]) if enough else (None, None)
        standings.append(Standing(one, draws[0], low, high, behind[0], behind_low, behind_high))
    return standings


def _draws(one: Tried, evaluator: Evaluator, *, metric: str) -> np.ndarray:
    for tally in evaluator.ruler.tallies(evaluator.detect(one.point)):
        numbers = tally(evaluator.ruler.draws)
        if metric in numbers:
            return numbers[metric].values
    raise KeyError(metric)
