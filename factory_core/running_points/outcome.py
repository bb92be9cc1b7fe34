"""What a search found: a table of all points, pictures, a page, and the lines to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from factory_core.evaluate.metric import LEAST_SCENES
from factory_core.kernel.errors import ConfigError
from factory_core.running_points.choose import Tried, nearest_miss, pareto_front, rank
from factory_core.running_points.compare import Standing, stand_beside_best
from factory_core.running_points.evaluator import Evaluator
from factory_core.running_points.now import Now, beside_now
from factory_core.running_points.plan import Plan, Wanted
from factory_core.tune.values import written

# Points that are compared with the best one, itself among them.
COMPARED = 6


@dataclass(frozen=True)
class Outcome:
    """All points of a search, and what follows from them.

    Attributes:
        wanted: What was asked for.
        tried: Every point with its numbers.
        evaluator: That measured them.
        now: What is set now, which is none of them.
    """

    wanted: Wanted
    tried: tuple[Tried, ...]
    evaluator: Evaluator
    now: Now

    @property
    def plan(self) -> Plan:
        """The plain settings of the search."""
        return self.wanted.plan

    @property
    def metric(self) -> str:
        """The first objective, by which points are told apart where one number is needed."""
        return next(iter(self.plan.objectives))

    @property
    def maximize(self) -> bool:
        """Whether more of the first objective is better."""
        return self.plan.objectives[self.metric] == "maximize"

    @cached_property
    def ranked(self) -> list[Tried]:
        """Points that will do, the best first."""
        return rank(self.tried, self.plan)

    @cached_property
    def front(self) -> list[Tried]:
        """The Pareto front of the objectives."""
        return pareto_front(self.tried, self.plan)

    @cached_property
    def standings(self) -> list[Standing]:
        """The best points on the same draws of scenes."""
        return stand_beside_best(
            self.ranked[:COMPARED], self.evaluator, metric=self.metric, maximize=self.maximize
        )

    @cached_property
    def beside_now(self) -> str:
        """What is set now, and whether the best is better, in words."""
        return beside_now(
            self.now,
            self.tried,
            best=self.ranked[0] if self.ranked else None,
            plan=self.plan,
            evaluator=self.evaluator,
        )

    @cached_property
    def miss(self) -> str:
        """Why no point will do, and how close the best came; empty where one will."""
        if self.ranked:
            return ""
        plan, count = self.plan, f"None of {len(self.tried)} points"
        unmeasured = [
            name for name in plan.metrics if all(one.numbers[name] is None for one in self.tried)
        ]
        if unmeasured:
            return (
                f"{count} has a number for {', '.join(unmeasured)}: val has fewer labels or "
                f"detections than `evaluate.min_labels`, {self.evaluator.ruler.min_samples}. Give "
                "it more ground, or search for another metric."
            )
        closest = nearest_miss(self.tried, plan)
        bounds = {name: str(bound) for name, bound in plan.constraints.items()}
        asked = " and ".join(f"{name} {bound}" for name, bound in bounds.items())
        if closest is None:
            return f"{count} has numbers for all of {', '.join(bounds)}, so none holds {asked}."
        reached = ", ".join(f"{name} {closest.numbers[name]:.4g}" for name in bounds)
        return (
            f"{count} has {asked}. The closest, {closest.name(plan)}, has {reached}, with "
            f"{' '.join(closest.point.overrides)}. Loosen a constraint, or widen the space."
        )

    def overrides(self, one: Tried) -> list[str]:
        """What `dvc exp run -S` takes to get a point."""
        return [*self.plan.overrides, *one.point.overrides]

    def command(self, one: Tried) -> str:
        """The command that runs a point as an experiment."""
        return f"dvc exp run {' '.join(f'-S {shlex.quote(item)}' for item in self.overrides(one))}"

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a point: its name, values, numbers, whether it will do and is on the front.

        The last row, `now`, is what is set now.
        """
        rows = [*self.tried, *([self.now.tried] if self.now.tried else [])]
        keys = list(dict.fromkeys(key for one in rows for key in one.point.settings))
        every = dict.fromkeys(name for one in rows for name in one.numbers)
        names = [name for name in every if "/" not in name or name in self.plan.metrics]
        front = {one.number for one in self.front}
        frame = pd.DataFrame({"point": [one.name(self.plan) for one in rows]})
        for key in keys:
            frame[key] = _column([one.point.settings.get(key) for one in rows])
        for name in names:
            frame[name] = pd.array([one.numbers.get(name) for one in rows], dtype="Float64")
        frame["feasible"] = [one.is_feasible(self.plan) for one in rows]
        frame["front"] = [one.number in front for one in rows]
        return frame


def _column(values: Sequence[Any]) -> Any:
    """Numbers as such, all else as Hydra reads it."""
    if all(
        isinstance(value, int | float | None) and not isinstance(value, bool) for value in values
    ):
        return pd.array(values, dtype="Float64")
    return [None if value is None else written(value) for value in values]


def describe(outcome: Outcome, *, folder: Path) -> Iterator[str]:
    """Lines on what came of a search.

    Raises:
        ConfigError: No point will do; says how close the best came.
    """
    plan, work = outcome.plan, outcome.evaluator.work
    front = f" and {len(outcome.front)} are on the front" if len(plan.objectives) > 1 else ""
    yield (
        f"{len(outcome.tried)} points, of which {len(outcome.ranked)} will do{front}; "
        f"{work.points} were measured now."
    )
    if work.calls < work.alone:
        yield (
            f"Parts were called {work.calls} times on a scene in place of {work.alone}: "
            f"{1 - work.calls / work.alone:.0%} saved, as points share what they begin with."
        )
    yield f"Table, pictures and page: {folder}/ (report.html)"
    if outcome.miss:
        yield f"now: {outcome.beside_now}"
        raise ConfigError(outcome.miss)
    best, *others = outcome.standings
    yield ""
    several = len(plan.objectives) > 1
    title = (
        f"first by {outcome.metric}, of {len(outcome.front)} on the front" if several else "best"
    )
    yield f"{title}: {best.tried.name(plan)}, {reached(best.tried, plan)}{_interval(best)}"
    yield f"now: {outcome.beside_now}"
    for other in others[:1]:
        yield f"next: {other.tried.name(plan)}, {reached(other.tried, plan)}; {told(other)}"
    yield f"  {outcome.command(best.tried)}"


def reached(one: Tried, plan: Plan) -> str:
    """The numbers that were asked for, in words."""
    return ", ".join(f"{name} {one.numbers[name]:.4g}" for name in plan.metrics)


def _interval(best: Standing) -> str:
    if best.low is None:
        return f" (no interval: val has fewer than {LEAST_SCENES} scenes)"
    return f" (95 % interval {best.low:.4g} to {best.high:.4g})"


def told(other: Standing) -> str:
    """Whether a point is really worse than the best, in words."""
    if other.behind_low is None:
        return f"whether it is worse cannot be said: val has fewer than {LEAST_SCENES} scenes"
    low, high = f"{other.behind_low:.4g}", f"{other.behind_high:.4g}"
    between = f"{other.behind:.4g} behind, 95 % interval {low} to {high}"
    if other.verdict == "worse":
        return f"really worse ({between})"
    return f"not told apart from the best ({between})"
