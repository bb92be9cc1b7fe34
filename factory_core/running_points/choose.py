"""Which points are best: constraints, the Pareto front, and an order of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from factory_core.running_points.kept import Numbers
from factory_core.running_points.plan import Bound, Plan
from factory_core.running_points.points import Point

# Number of what is set now, which is beside the points of a search and none of them.
NOW = -1


@dataclass(frozen=True)
class Tried:
    """A point with what it reached.

    Attributes:
        number: Its name in tables, `<name>-<number>` as an experiment; `NOW` has none.
        point: The point.
        numbers: Of every metric that was measured.
    """

    number: int
    point: Point
    numbers: Numbers

    def name(self, plan: Plan) -> str:
        """Its name, as a point and as an experiment."""
        return "now" if self.number == NOW else f"{plan.name}-{self.number:03d}"

    def violations(self, constraints: Mapping[str, Bound]) -> dict[str, float]:
        """How far it is off each constraint; 0 or below where it holds, inf without a number."""
        return {
            name: np.inf if (value := self.numbers.get(name)) is None else bound.excess(value)
            for name, bound in constraints.items()
        }

    def is_feasible(self, plan: Plan) -> bool:
        """Whether it has a number for every objective and holds every constraint."""
        measured = all(self.numbers.get(name) is not None for name in plan.objectives)
        return measured and max(self.violations(plan.constraints).values(), default=0) <= 0


def gains(tried: Sequence[Tried], plan: Plan) -> np.ndarray:
    """`(point, objective)`: the objectives, turned so that more is better."""
    signs = [1 if direction == "maximize" else -1 for direction in plan.objectives.values()]
    values = [[one.numbers[name] for name in plan.objectives] for one in tried]
    return np.asarray(values, float).reshape(len(tried), len(signs)) * signs


def rank(tried: Sequence[Tried], plan: Plan) -> list[Tried]:
    """Feasible points, the best first: front after front, in each by the first objective.

    Of points that are equal in all, the one with the lower number comes first.

    Source: fronts by non-dominated sorting, Deb et al. 2002 (https://doi.org/10.1109/4235.996017).
    """
    left = [one for one in tried if one.is_feasible(plan)]
    values = gains(left, plan)
    if len(plan.objectives) == 1:
        return [left[index] for index in np.argsort(-values[:, 0], kind="stable")]
    ranked: list[Tried] = []
    while left:
        best = non_dominated(values)
        ranked += [left[index] for index in best]
        others = np.setdiff1d(np.arange(len(left)), best)
        left, values = [left[index] for index in others], values[others]
    return ranked


def pareto_front(tried: Sequence[Tried], plan: Plan) -> list[Tried]:
    """Feasible points that no other is better than in one objective and as good in all."""
    feasible = [one for one in tried if one.is_feasible(plan)]
    return [feasible[index] for index in non_dominated(gains(feasible, plan))]


def non_dominated(values: np.ndarray) -> np.ndarray:
    """Rows of `values` `(point, objective)` that none dominates, by falling first column.

    More is better. In that order a row can only be dominated by one that came before it.
    """
    order = np.lexsort(-values.T[::-1]) if len(values) else np.empty(0, int)
    best: list[int] = []
    for index in order:
        others, value = values[best], values[index]
        if not ((others >= value).all(axis=1) & (others > value).any(axis=1)).any():
            best.append(int(index))
    return np.array(best, int)


def nearest_miss(tried: Sequence[Tried], plan: Plan) -> Tried | None:
    """Where no point will do: the one that comes closest, each miss as a share of its bound."""
    scale = {name: abs(bound.limit) or 1.0 for name, bound in plan.constraints.items()}

    def miss(one: Tried) -> float:
        violations = one.violations(plan.constraints).items()
        return sum(max(value, 0) / scale[name] for name, value in violations)

    measured = [one for one in tried if np.isfinite(miss(one))]
    return min(measured, key=miss) if measured else None
