"""Fronts, ranks, branches, shares: what needs no detector."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory_core.evaluate.metric import LEAST_SCENES, Number, draw_weights
from factory_core.running_points import sensitivity_charts
from factory_core.running_points.charts import Axis, choose_axes
from factory_core.running_points.choose import (
    Tried,
    nearest_miss,
    non_dominated,
    pareto_front,
    rank,
)
from factory_core.running_points.compare import stand_beside_best
from factory_core.running_points.evaluator import cut_branches
from factory_core.running_points.plan import Bound, Plan
from factory_core.running_points.points import Point, in_order
from factory_core.running_points.sensitivity import (
    effects,
    failing_value,
    good_range,
    interaction,
)
from factory_core.running_points.sensitivity_charts import draw_interaction


def plan(objectives, **constraints):
    return Plan("first", {"a": [1, 2]}, objectives, constraints)


def tried(*rows, **values):
    """Points of `(f1, recall)`, and values of parameters, a list each."""
    return [
        Tried(
            number,
            Point({key: given[number] for key, given in values.items()}, (str(number),)),
            {"f1": f1, "recall": recall},
        )
        for number, (f1, recall) in enumerate(rows)
    ]


numbers = st.integers(0, 5).map(float)


@given(rows=st.lists(st.tuples(numbers, numbers, numbers), max_size=25))
def test_the_front_is_what_nothing_dominates(rows):
    values = np.array(rows, float).reshape(-1, 3)

    def dominated(row):
        return any((other >= row).all() and (other > row).any() for other in values)

    expected = [index for index, row in enumerate(values) if not dominated(row)]
    assert sorted(non_dominated(values)) == expected


@given(rows=st.lists(st.tuples(numbers, numbers), max_size=25))
def test_ranks_all_that_will_do_and_no_worse_front_comes_first(rows):
    wanted = plan({"f1": "maximize", "recall": "minimize"}, f1=Bound(at_least=2))
    points = tried(*rows)
    ranked = rank(points, wanted)
    assert sorted(one.number for one in ranked) == [
        one.number for one in points if one.numbers["f1"] >= 2
    ]
    front = {one.number for one in pareto_front(points, wanted)}
    assert {one.number for one in ranked[: len(front)]} == front


def test_equal_points_keep_their_order_and_none_is_no_number():
    points = tried((0.5, 0.1), (0.7, 0.2), (None, 0.9), (0.7, 0.3))
    assert [one.number for one in rank(points, plan({"f1": "maximize"}))] == [1, 3, 0]
    assert [one.number for one in rank(points, plan({"f1": "minimize"}))] == [0, 1, 3]


@pytest.mark.parametrize(
    ("bounds", "closest"),
    [
        pytest.param({"f1": Bound(at_least=0.9)}, 1, id="at least"),
        pytest.param({"recall": Bound(at_most=0.05)}, 0, id="at most"),
        pytest.param({"f1": Bound(at_least=0.9), "recall": Bound(at_most=0.1)}, 0, id="both"),
        pytest.param({"recall": Bound(at_most=0.0)}, 0, id="a bound of 0"),
    ],
)
def test_the_nearest_miss_is_told_by_shares_of_the_bounds(bounds, closest):
    points = tried((0.5, 0.1), (0.7, 0.4), (None, None))
    wanted = plan({"f1": "maximize"}, **bounds)
    assert not rank(points, wanted)
    assert nearest_miss(points, wanted).number == closest
    assert nearest_miss(points[2:], wanted) is None


letters = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple)


@given(chains=st.lists(letters, unique=True, max_size=30))
def test_beginnings_that_are_shared_stand_together(chains):
    walked = [point.chain for point in in_order([Point({}, chain) for chain in chains])]
    assert sorted(walked) == sorted(chains)
    for depth in (1, 2, 3):
        beginnings = [chain[:depth] for chain in walked if len(chain) >= depth]
        changes = 1 + sum(a != b for a, b in pairwise(beginnings))
        assert not beginnings or changes == len(set(beginnings))


@given(chains=st.lists(letters, max_size=40), least=st.integers(1, 4), more=st.integers(0, 5))
def test_branches_hold_every_point_once(chains, least, more):
    cut = cut_branches(chains, least, least + more)
    assert [place for places in cut for place in places] == list(range(len(chains)))
    assert all(least <= len(places) <= least + more for places in cut[:-1])


def test_branches_are_cut_where_least_is_shared():
    chains = [(first, str(last)) for first, count in (("a", 3), ("b", 4)) for last in range(count)]
    assert [list(places) for places in cut_branches(chains, 2, 5)] == [[0, 1, 2], [3, 4, 5, 6]]


def test_shares_are_those_of_an_analysis_of_variance():
    # f1 = 1 + x + 0.1 y, by hand: variances 0.25 and 0.0025 of 0.2525.
    points = tried((1.0, 0), (1.1, 0), (2.0, 0), (2.1, 0), x=[0, 0, 1, 1], y=["p", "q", "p", "q"])
    strong, weak = effects(points, metric="f1", maximize=True)
    assert (strong.key, weak.key) == ("x", "y")
    assert strong.share == pytest.approx(0.25 / 0.2525)
    assert weak.share == pytest.approx(0.0025 / 0.2525)
    assert strong.labels == ("0", "1")
    assert strong.best.tolist() == [1.1, 2.1]
    table = interaction(strong, weak, points, metric="f1", maximize=True)
    assert table.tolist() == [[1.0, 1.1], [2.0, 2.1]]


def test_points_that_score_0_count_apart_from_the_shares_of_the_others():
    # x = 2 always fails and y = "q" does once more; among the others f1 = 0.6 + 0.1 x, whatever y.
    points = tried(
        *[(f1, 0) for f1 in (0.6, 0.6, 0.7, 0.0, 0.0, 0.0)], x=[0, 0, 1, 1, 2, 2], y=list("pqpqpq")
    )
    x, y = effects(points, metric="f1", maximize=True)
    assert (x.key, x.share) == ("x", pytest.approx(1))
    assert x.failed.tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(x.median, [0.6, 0.7, np.nan])
    assert x.best.tolist() == [0.6, 0.7, 0]
    # By hand: of failing or not the variance is 1/4; between means 0, 1/2, 1 it is 1/6.
    assert x.share_of_failing == pytest.approx((1 / 6) / (1 / 4))
    assert y.failed.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert y.share == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("values", "maximize", "worst"),
    [
        pytest.param([], True, None, id="no points"),
        pytest.param([0, 0.5, 0], True, 0, id="0 is the bad end"),
        pytest.param([0, 0.5], False, None, id="0 is the good end"),
        pytest.param([0, 0], True, None, id="nothing but 0"),
        pytest.param([0, -0.5, 1], True, None, id="0 is no end"),
        pytest.param([90, 3, 4, 90], False, 90, id="a bad end that many share"),
        pytest.param([90, 3, 4, 5, 6], False, None, id="a bad end of one in five"),
        pytest.param([4, 3, 1, 2, 4, 3], False, None, id="no further off than others"),
    ],
)
def test_what_failed(values, maximize, worst):
    assert failing_value(np.array(values, float), maximize=maximize) == worst


@pytest.mark.parametrize(
    ("values", "maximize", "expected"),
    [
        pytest.param([0.4], True, (0.4, 0.4, "neither"), id="one"),
        pytest.param([0.1, 0.2, 0.3, 0.4], True, (0.1, 0.4, "neither"), id="spread evenly"),
        pytest.param([0.05, 0.7, 0.71, 0.72, 0.73], True, (0.685, 0.73, "min"), id="a bad one"),
        pytest.param([5, 6, 7, 8, 900], False, (5, 9.5, "max"), id="less is better"),
        pytest.param([0.1, 0.11, 0.12, 0.9], True, (0.1, 0.9, "neither"), id="a good one stays"),
        pytest.param([0.1, 0.7, 0.7, 0.7, 0.7], True, (0.1, 0.7, "neither"), id="nothing to see"),
    ],
)
def test_a_scale_tells_the_good_ones_apart(values, maximize, expected):
    *ends, beyond = good_range(np.array(values, float), maximize=maximize)
    assert ends == pytest.approx(expected[:2])
    assert beyond == expected[2]


def drawn_numbers(monkeypatch, table, one, other):
    """The texts of a picture of two parameters; None where there is no picture."""
    seen = []
    monkeypatch.setattr(sensitivity_charts, "as_png", lambda figure: seen.append(figure) or b"png")
    drawn = draw_interaction(table, one, other, metric="f1", maximize=True, worst=0.0)
    assert drawn == (b"png" if seen else None)
    return [text.get_text() for text in seen[0].axes[0].texts] if seen else None


def test_pairs_that_fail_are_off_the_scale_of_colours(monkeypatch):
    points = tried(
        *[(f1, 0) for f1 in (0.0, 0.701, 0.0, 0.742)], x=[0, 0, 1, 1], y=["p", "q", "p", "q"]
    )
    found = {effect.key: effect for effect in effects(points, metric="f1", maximize=True)}
    table = interaction(found["x"], found["y"], points, metric="f1", maximize=True)
    # Three digits, where differences are this small.
    texts = drawn_numbers(monkeypatch, table, found["x"], found["y"])
    assert texts == ["0", "0.701", "0", "0.742"]
    assert drawn_numbers(monkeypatch, table[:, :1], found["x"], found["y"]) is None


def test_many_values_are_cut_into_ranges_and_what_a_chain_lacks_counts_nowhere():
    values = [*np.linspace(0, 1, 40).tolist(), None]
    points = tried(*[(value or 0.0, 0) for value in values], x=values)
    (effect,) = effects(points, metric="f1", maximize=True)
    assert len(effect.labels) == 8
    assert effect.place[-1] == -1
    assert np.bincount(effect.place[:-1]).tolist() == [5] * 8


class Made:
    """An evaluator whose points have a number a scene."""

    def __init__(self, by_scene, draws):
        self.by_scene, self.ruler = by_scene, self
        self.draws = draws

    def detect(self, point):
        return self.by_scene[int(point.chain[0])]

    def tallies(self, found):
        by_scene = np.array(found, float)
        return [lambda weights: {"f1": Number(weights @ by_scene / weights.sum(axis=1))}]


def test_the_next_is_really_worse_only_where_all_draws_say_so():
    draws = np.concatenate(
        [np.ones((1, 6)), np.random.default_rng(0).multinomial(6, [1 / 6] * 6, 500)]
    )
    made = Made([[5, 6, 7, 5, 6, 7], [4, 5, 6, 4, 5, 6], [9, 2, 9, 1, 9, 5]], draws)
    best, shifted, mixed = stand_beside_best(
        tried((6, 0), (5, 0), (5.8, 0)), made, metric="f1", maximize=True
    )
    assert best.value == 6
    assert best.low < 6 < best.high
    # One less in every scene: the difference is 1 in every draw, however the scenes differ.
    assert (shifted.behind_low, shifted.behind_high) == (pytest.approx(1), pytest.approx(1))
    assert shifted.verdict == "worse"
    assert mixed.behind_low < 0 < mixed.behind_high
    assert mixed.verdict == "not told apart"


@pytest.mark.parametrize(
    ("scenes", "verdict"),
    [
        pytest.param(1, "too few scenes", id="one"),
        pytest.param(LEAST_SCENES - 1, "too few scenes", id="one too few"),
        pytest.param(LEAST_SCENES, "worse", id="the limit itself"),
    ],
)
def test_as_few_scenes_as_compare_gives_no_interval_tell_nothing(scenes, verdict):
    made = Made([[5] * scenes, [4] * scenes], draw_weights(scenes, draws=20, seed=0))
    best, second = stand_beside_best(tried((5, 0), (4, 0)), made, metric="f1", maximize=True)
    assert second.verdict == verdict
    assert (best.low is None) == (verdict == "too few scenes")


@pytest.mark.parametrize(
    ("objectives", "constraints", "expected"),
    [
        pytest.param(
            {"f1": "maximize", "recall": "minimize"},
            {},
            (Axis("recall", -1), Axis("f1", 1)),
            id="two objectives",
        ),
        pytest.param(
            {"f1": "maximize"},
            {"recall": Bound(at_most=1)},
            (Axis("recall", -1, Bound(at_most=1)), Axis("f1", 1)),
            id="a constraint",
        ),
        pytest.param(
            {"by_class/a/f1": "maximize"},
            {},
            (Axis("by_class/a/recall", 1), Axis("by_class/a/precision", 1)),
            id="recall and precision",
        ),
        pytest.param({"ap50": "maximize"}, {}, None, id="nothing to draw it over"),
    ],
)
def test_what_the_front_is_drawn_over(objectives, constraints, expected):
    names = ["by_class/a/f1", "by_class/a/recall", "by_class/a/precision", "f1", "recall", "ap50"]
    assert choose_axes(plan(objectives, **constraints), names) == expected
