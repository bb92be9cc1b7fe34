"""The draws of scenes, the intervals that follow from them, and the rules for few samples."""

from __future__ import annotations

import numpy as np
import pytest

from factory_core.evaluate.metric import (
    Number,
    Sums,
    Together,
    draw_weights,
    estimate,
    interval,
    mean_where_known,
    nested,
    ratio,
)


def mean_of(values: list[float]) -> Sums:
    columns = np.column_stack([values, np.ones(len(values))])
    return Sums(columns, lambda sums: {"mean": Number(ratio(*sums.T), sums[:, 1])})


def test_draws_are_of_as_many_scenes_and_seeded():
    weights = draw_weights(7, draws=50, seed=3)
    assert weights.shape == (51, 7)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, draw_weights(7, draws=50, seed=3))
    assert (weights != draw_weights(7, draws=50, seed=4)).any()


def test_the_interval_of_a_mean_is_as_wide_as_its_error():
    """For a mean the bootstrap must give 1.96 standard errors either side."""
    values = np.random.default_rng(0).normal(10, 2, 100)
    found = estimate([mean_of(values)], draw_weights(100, draws=4000, seed=0), min_samples=1)
    half = 1.96 * values.std() / 10
    assert found["mean"].value == pytest.approx(values.mean())
    assert found["mean"].low == pytest.approx(values.mean() - half, abs=0.05)
    assert found["mean"].high == pytest.approx(values.mean() + half, abs=0.05)


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        pytest.param([], (None, None), id="none"),
        pytest.param([np.nan, np.nan, 1.0], (None, None), id="most have no number"),
        pytest.param([1.0, np.nan, 1.0], (1.0, 1.0), id="most have one"),
        pytest.param(list(range(41)), (1.0, 39.0), id="2.5 % at either end"),
    ],
)
def test_intervals(draws, expected):
    assert interval(np.array(draws, float)) == pytest.approx(expected)


def test_a_ratio_of_nothing_is_no_number():
    np.testing.assert_array_equal(ratio(np.array([1, 0]), np.array([2, 0])), [0.5, np.nan])
    values = np.array([[1.0, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(mean_where_known(values, axis=1), [1.0, np.nan])


def test_a_count_needs_no_samples():
    tally = Sums(np.ones((3, 1)), lambda sums: {"n": Number(sums[:, 0])})
    (found,) = estimate([tally], np.ones((1, 3)), min_samples=99).values()
    assert (found.value, found.samples) == (3.0, None)


def test_tallies_together_give_the_numbers_of_each():
    one = mean_of([1.0, 3.0])
    other = Sums(np.ones((2, 1)), lambda sums: {"n": Number(sums[:, 0])})
    assert list(Together((one, other))(np.ones((1, 2)))) == ["mean", "n"]


def test_paths_become_mappings():
    assert nested({"f1": 1, "by_class/house/f1": 2, "by_class/road/f1": 3}) == {
        "f1": 1,
        "by_class": {"house": {"f1": 2}, "road": {"f1": 3}},
    }
