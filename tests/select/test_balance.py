"""The optimisation: as good as trying everything, better than sharing out one by one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory_core.kernel.errors import SelectionError
from factory_core.select.balance import SMALLEST_GAIN, Goal, Problem, share_out

SHARES = (0.6, 0.2, 0.2)


def in_all(amounts):
    return np.repeat(np.asarray(amounts, float)[:, None], 3, axis=1)


def share_goals(weights):
    """Each split its share of each column of `weights`."""
    for column in np.asarray(weights, float).T:
        for split, share in enumerate(SHARES):
            table = np.zeros((len(column), 3))
            table[:, split] = column
            wanted = share * column.sum()
            yield Goal(f"{split}", table, wanted, wanted, max(column.sum(), 1))


def best_cost(problem):
    """The least cost of all choices there are."""
    ways = [
        [*np.flatnonzero(row).tolist(), *([None] if free else [])]
        for row, free in zip(problem.allowed, problem.optional, strict=True)
    ]
    best = np.inf
    for choice in product(*ways):
        chosen = np.zeros(problem.allowed.shape)
        for unit, split in enumerate(choice):
            if split is not None:
                chosen[unit, split] = 1
        limit = problem.limit
        if limit is None or limit.miss(chosen) <= 1e-9:
            best = min(best, problem.cost(chosen))
    return best


weights = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=6)


@settings(max_examples=15)
@given(
    weights=weights,
    data=st.data(),
    budget=st.sampled_from([None, 5.0, 12.0]),
    least=st.integers(0, 8),
    seed=st.integers(0, 3),
)
def test_is_as_good_as_trying_everything(weights, data, budget, least, seed):
    count = len(weights)
    table = np.array(weights, float)
    optional = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    optional |= budget is not None
    # Some units may go to one split only.
    bound = st.lists(st.sampled_from([None, None, 0, 1, 2]), min_size=count, max_size=count)
    allowed = np.array([[s in (None, n) for n in range(3)] for s in data.draw(bound)])
    goals = [*share_goals(weights), Goal("quota", in_all(table[:, 1]), least, np.inf, 1 + least)]
    limit = None if budget is None else Goal("budget", in_all(table[:, 0]), -np.inf, budget, budget)
    problem = Problem(allowed, optional, goals, limit, seed)
    chosen = share_out(problem)
    assert (chosen.sum(axis=1) <= 1).all()
    assert not (chosen & ~allowed).any()
    assert (chosen.sum(axis=1)[~optional] == 1).all()
    assert limit is None or limit.miss(chosen) <= 1e-9
    assert problem.cost(chosen) <= best_cost(problem) + count * SMALLEST_GAIN + 2e-4


def one_by_one(weights, seed):
    """Sechidis et al. 2011: those with most first, to the split that lacks most."""
    parts = weights / np.where(weights.sum(axis=0) == 0, 1, weights.sum(axis=0))
    shuffled = np.random.default_rng(seed).permutation(len(parts))
    had, chosen = np.zeros((3, weights.shape[1])), np.zeros((len(parts), 3), bool)
    for unit in np.lexsort((shuffled, -parts.sum(axis=1).round(9))):
        lacking = [parts[unit] @ (1 - had[s] / SHARES[s]) for s in range(3)]
        split = int(np.argmax(lacking))
        chosen[unit, split] = True
        had[split] += parts[unit]
    return chosen


@pytest.mark.parametrize(("units", "classes"), [(8, 2), (30, 3), (600, 4)])
def test_is_better_than_sharing_out_one_by_one(units, classes):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        weights = rng.poisson(rng.gamma(0.3, 10, (units, classes))).astype(float)
        goals = list(share_goals(weights))
        problem = Problem(np.ones((units, 3), bool), np.zeros(units, bool), goals, None, seed)
        chosen = share_out(problem)
        assert (chosen.sum(axis=1) == 1).all()
        assert problem.cost(chosen) < problem.cost(one_by_one(weights, seed)) + 1e-9


def test_gives_the_same_again_and_another_for_another_seed():
    weights = np.ones((60, 1))
    choices = {}
    for seed in (0, 0, 1):
        goals = list(share_goals(weights))
        problem = Problem(np.ones((60, 3), bool), np.zeros(60, bool), goals, None, seed)
        chosen = share_out(problem)
        assert chosen.sum(axis=0).tolist() == [36, 12, 12]
        choices.setdefault(seed, []).append(chosen.tobytes())
    assert choices[0][0] == choices[0][1]
    assert choices[0][0] != choices[1][0]


def test_leaves_what_is_decided():
    allowed = np.zeros((50, 3), bool)
    allowed[:, 1] = True
    allowed[10:, 0] = True
    problem = Problem(allowed, np.zeros(50, bool), list(share_goals(np.ones((50, 1)))))
    chosen = share_out(problem)
    assert chosen[:10, 1].all()
    assert not chosen[:, 2].any()


def test_refuses_a_budget_below_what_must_stay():
    limit = Goal("budget", in_all([5, 5]), -np.inf, 7, 7)
    problem = Problem(np.ones((2, 3), bool), np.zeros(2, bool), [], limit)
    with pytest.raises(SelectionError, match=r"budget: at most 7.*Raise `select.budget_windows`"):
        share_out(problem)
