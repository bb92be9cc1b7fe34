"""Choose for each unit train, val, test or nothing, so that shares, quotas and budget are met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from factory_core.kernel.errors import SelectionError

# Units that stay open after the relaxation, for the exact search.
CORE = 40
# Where the search ends: its own count of steps, never the clock, so that it ends at the
# same place on every machine; or when nothing better than this is left to gain.
MAX_NODES = 50
SMALLEST_GAIN = 1e-5
# Of units that serve equally well, the seed chooses; it may cost this much of the balance.
CHANCE = 1e-4
# What passing the limit costs: more than all goals together.
NEVER = 1e9


@dataclass(frozen=True)
class Goal:
    """Something to hold: `lower <= amount <= upper`, as near as may be.

    Attributes:
        name: What it is, for the report.
        amounts: `(unit, split)`: what each unit brings in each split.
        lower: Least sum.
        upper: Greatest sum.
        scale: A miss by this much counts as 1.
        weight: What a miss of 1 costs.
    """

    name: str
    amounts: np.ndarray
    lower: float
    upper: float
    scale: float
    weight: float = 1.0

    def miss(self, chosen: np.ndarray) -> float:
        """By how much `chosen` misses it, in units of `scale`."""
        amount = float((self.amounts * chosen).sum())
        return max(self.lower - amount, amount - self.upper, 0.0) / self.scale


@dataclass(frozen=True)
class Problem:
    """Which units may go where, and what is to be held.

    Attributes:
        allowed: `(unit, split)`, bool.
        optional: `(unit,)`, bool: it may be left out.
        goals: What is to be held.
        limit: A goal of which `upper` is never passed, a budget; None without one.
        seed: Chooses among units that serve equally well.
    """

    allowed: np.ndarray
    optional: np.ndarray
    goals: Sequence[Goal] = field(default_factory=list)
    limit: Goal | None = None
    seed: int = 0

    def cost(self, chosen: np.ndarray) -> float:
        """The weighted sum of all misses of `chosen`, `(unit, split)` of 0 and 1."""
        return sum(goal.weight * goal.miss(chosen) for goal in self.goals)


def share_out(problem: Problem) -> np.ndarray:
    """The choice with the least cost.

    A mixed-integer linear programme: a 0 or 1 for each unit and split, a miss for each goal.
    Up to `CORE` units it is solved exactly. Above, the relaxation to fractions is solved
    first: its solution is a corner, where no more units are torn between two splits than
    there are goals. Those, and the ones that the relaxation was most nearly indifferent to,
    stay open, the rest is decided, and the exact search is over the open ones: a kernel
    search (Angelelli, Mansini and Speranza, Kernel search, Computers & Operations Research
    37, 2010) of one step. Last, single units move as long as that helps.

    Measured against sharing out one by one (Sechidis et al., On the stratification of
    multi-label data, ECML 2011), which it replaced: `benchmarks/balance.py`.

    Returns:
        `(unit, split)`, bool, at most one a row.

    Raises:
        SelectionError: What must be kept is more than the limit allows.
    """
    free = (problem.allowed.sum(axis=1) + problem.optional) > 1
    # What is decided is decided; a unit that may go nowhere and is optional is left out.
    decided = problem.allowed & ~free[:, None] & ~problem.optional[:, None]
    if free.sum() > CORE:
        relaxed = _solve(problem, free, decided, whole=False)
        # How far a unit is from being wholly in one place, or wholly out.
        best = np.maximum(relaxed.max(axis=1), 1 - relaxed.sum(axis=1))
        torn = np.where(free, 1 - best, -1.0)
        count = max(CORE, int((torn > 1e-6).sum()))
        chance = np.random.default_rng(problem.seed + 1).random(len(torn))
        open_ = np.zeros_like(free)
        open_[np.lexsort((chance, -torn.round(9)))[:count]] = True
        decided = np.where((free & ~open_)[:, None], relaxed > 0.5, decided)
        free = free & open_
    return _move_on(problem, _solve(problem, free, decided, whole=True) > 0.5)


def _move_on(problem: Problem, chosen: np.ndarray) -> np.ndarray:
    """Move single units, the best move first, as long as the cost falls."""
    goals = [*problem.goals, *([problem.limit] if problem.limit else [])]
    if not goals or not len(chosen):
        return chosen
    # The last place is to be left out: it brings nothing.
    amounts = np.stack([goal.amounts for goal in goals], axis=2)
    amounts = np.concatenate([amounts, np.zeros_like(amounts[:, :1])], axis=1)
    may = np.concatenate([problem.allowed, problem.optional[:, None]], axis=1)
    lower, upper, scale, weight = np.array(
        [(goal.lower, goal.upper, goal.scale, goal.weight) for goal in goals]
    ).T
    if problem.limit:
        weight[-1] = NEVER

    def cost(sums: np.ndarray) -> np.ndarray:
        missed = np.maximum(np.maximum(lower - sums, sums - upper), 0) / scale
        return np.asarray(np.where(missed > 1e-9, missed * weight, 0.0).sum(axis=-1))

    units = np.arange(len(chosen))
    place = np.where(chosen.any(axis=1), chosen.argmax(axis=1), chosen.shape[1])
    sums = amounts[units, place].sum(axis=0)
    for _ in range(len(units)):
        after = sums - amounts[units, place]
        costs = np.where(may, cost(after[:, None, :] + amounts), np.inf)
        unit, target = np.unravel_index(int(costs.argmin()), costs.shape)
        if not costs[unit, target] < cost(sums) - SMALLEST_GAIN:
            break
        sums = after[unit] + amounts[unit, target]
        place[unit] = target
    result = np.zeros((len(units), may.shape[1]), dtype=bool)
    result[units, place] = True
    return result[:, :-1]


def _solve(problem: Problem, free: np.ndarray, decided: np.ndarray, *, whole: bool) -> np.ndarray:
    """The best choice over the `free` units, the others as `decided`; in fractions or whole."""
    rows, splits = np.nonzero(problem.allowed & free[:, None])
    count, goals = len(rows), list(problem.goals)
    # Variables: a choice each, a miss each goal, and one that is 1: it makes the solver's
    # relative gap an absolute one, where the best cost is nought.
    chance = np.random.default_rng(problem.seed).random(problem.allowed.shape)[rows, splits]
    cost = np.concatenate(
        [chance * CHANCE / max(len(free), 1), [goal.weight for goal in goals], [1.0]]
    )
    width = len(cost)
    of_unit = coo_array((np.ones(count), (rows, np.arange(count))), shape=(len(free), width))
    constraints = [
        LinearConstraint(
            csr_array(of_unit)[np.flatnonzero(free)],
            np.where(problem.optional[free], 0.0, 1.0),
            np.ones(free.sum()),
        )
    ]
    table, lower, upper = _bounds_of_goals(problem, rows, splits, decided, width)
    if len(table):
        constraints.append(LinearConstraint(csr_array(table), lower, upper))
    bounds = Bounds(
        np.concatenate([np.zeros(count + len(goals)), [1.0]]),
        np.concatenate([np.ones(count), np.full(len(goals), np.inf), [1.0]]),
    )
    result = milp(
        cost,
        constraints=constraints,
        bounds=bounds,
        integrality=np.concatenate([np.full(count, int(whole)), np.zeros(len(goals) + 1)]),
        options={"node_limit": MAX_NODES, "mip_rel_gap": SMALLEST_GAIN},
    )
    if result.x is None:
        limit = problem.limit
        least = f" ({limit.name}: at most {limit.upper:g})" if limit is not None else ""
        raise SelectionError(
            f"No choice of ground keeps within the budget{least} what must be kept: the scenes "
            f"that are named, and what was test before. Raise `select.budget_windows`. "
            f"({result.message})"
        )
    chosen = decided.astype(float)
    chosen[rows, splits] = result.x[:count]
    return chosen


def _bounds_of_goals(
    problem: Problem, rows: np.ndarray, splits: np.ndarray, decided: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`amount + miss >= lower` and `amount - miss <= upper` for each goal, and the limit."""
    table, lower, upper = [], [], []
    for number, goal in enumerate([*problem.goals, *([problem.limit] if problem.limit else [])]):
        hard = goal is problem.limit
        given = float((goal.amounts * decided).sum())
        amounts = goal.amounts[rows, splits] / goal.scale
        for bound, sign in ((goal.lower, 1.0), (goal.upper, -1.0)):
            if not np.isfinite(bound):
                continue
            line = np.zeros(width)
            line[: len(rows)] = amounts
            if not hard:
                line[len(rows) + number] = sign
            table.append(line)
            lower.append((bound - given) / goal.scale if sign > 0 else -np.inf)
            upper.append(np.inf if sign > 0 else (bound - given) / goal.scale)
    return np.array(table).reshape(-1, width), np.array(lower), np.array(upper)
