"""Compare the optimisation that shares units out to splits with doing it one by one.

    python benchmarks/balance.py

Units with labels of several classes, most of them rare, are generated and shared out 60, 20, 20:
by `share_out`, and by the stratification of Sechidis, Tsoumakas and Vlahavas (On the
stratification of multi-label data, ECML 2011), which gives unit after unit, those with most labels
first, to the split that lacks most. The cost is the sum over splits and classes of what a split
misses of its share. The last line is one JSON object; its `ratio` is the greatest ratio of the two
costs: below 1 the optimisation was better in every case.
"""

from __future__ import annotations

import json
import time

import numpy as np

from factory_core.select.balance import Goal, Problem, share_out

SHARES = np.array([0.6, 0.2, 0.2])
CASES = ((6, 2), (9, 2), (15, 3), (40, 3), (60, 5), (200, 5), (1000, 10), (5000, 10), (10000, 10))
SEEDS = 3


def main() -> None:
    """Generate, share out, print."""
    worst = 0.0
    print(" units classes  one by one  optimised  seconds")
    for units, classes in CASES:
        costs = []
        for seed in range(SEEDS):
            labels = generate(units, classes, seed=seed)
            problem = state(labels, seed=seed)
            start = time.perf_counter()
            chosen = share_out(problem)
            seconds = time.perf_counter() - start
            greedy = problem.cost(one_by_one(labels, seed=seed))
            costs.append((greedy, problem.cost(chosen), seconds))
            worst = max(worst, costs[-1][1] / greedy)
        before, after, seconds = np.mean(costs, axis=0)
        print(f"{units:6} {classes:7} {before:11.4f} {after:10.4f} {seconds:8.2f}", flush=True)
    print(json.dumps({"ratio": round(worst, 3), "over": "one by one (Sechidis et al., 2011)"}))


def generate(units: int, classes: int, *, seed: int) -> np.ndarray:
    """`(unit, class)`: labels, few units with many, classes from common to rare."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.3, 10, (units, classes)) * rng.random(classes) ** 2
    return np.asarray(rng.poisson(rate), dtype=float)


def state(labels: np.ndarray, *, seed: int) -> Problem:
    """Each split its share of each class."""
    goals = []
    for column in labels.T[labels.sum(axis=0) > 0]:
        for split, share in enumerate(SHARES):
            amounts = np.zeros((len(column), len(SHARES)))
            amounts[:, split] = column
            wanted = share * column.sum()
            goals.append(Goal(f"{split}", amounts, wanted, wanted, column.sum()))
    units = len(labels)
    return Problem(np.ones((units, 3), bool), np.zeros(units, bool), goals, None, seed)


def one_by_one(labels: np.ndarray, *, seed: int) -> np.ndarray:
    """`(unit, split)`: those with most first, each to the split that lacks most."""
    parts = labels / np.maximum(labels.sum(axis=0), 1)
    shuffled = np.random.default_rng(seed).permutation(len(parts))
    given, chosen = np.zeros((3, labels.shape[1])), np.zeros((len(parts), 3), bool)
    for unit in np.lexsort((shuffled, -parts.sum(axis=1).round(9))):
        lacking = (parts[unit] * (1 - given / SHARES[:, None])).sum(axis=1)
        split = int(lacking.argmax())
        chosen[unit, split] = True
        given[split] += parts[unit]
    return chosen


if __name__ == "__main__":
    main()
