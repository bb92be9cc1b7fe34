"""Paired differences: against unpaired ones, and where there is nothing to say."""

from __future__ import annotations

import numpy as np
import pytest

from factory_core.evaluate.compare.differences import by_importance, differences
from factory_core.evaluate.metric import Number, Quantity, Sums, draw_weights, interval, ratio

GIVES = {"recall": Quantity("Recall", "share found"), "missed": Quantity("Missed", "missed", 0.0)}


def tally(found, labels=20):
    """Of scenes with `labels` labels each, of which so many were found."""
    found = np.asarray(found)

    def numbers(sums):
        return {
            "recall": Number(ratio(sums[:, 0], sums[:, 1]), sums[:, 1]),
            "missed": Number(sums[:, 1] - sums[:, 0]),
        }

    return Sums(np.column_stack([found, np.full(len(found), labels)]), numbers)


def compared(first, second, *, scenes=None, min_samples=1, context=""):
    weights = draw_weights(len(first), draws=2000, seed=1)
    if scenes is not None:
        weights = weights * scenes
    found = differences(
        tally(first), tally(second), weights, gives=GIVES, min_samples=min_samples, context=context
    )
    return {difference.name: difference for difference in found}


# Scenes differ much in how hard they are; on each the second finds one or two more.
HARD = np.array([1, 3, 5, 7, 9, 11, 13, 15, 17, 18])
MORE = HARD + np.tile([1, 2], 5)


def test_a_paired_interval_is_narrower_than_an_unpaired_one():
    paired = compared(HARD, MORE)["recall"]
    one, two = (
        tally(found)(draw_weights(10, draws=2000, seed=seed))["recall"].values[1:]
        for found, seed in ((HARD, 1), (MORE, 2))
    )
    low, high = interval(two - one)
    assert low < 0 < high  # drawn apart, nothing is to be seen
    assert paired.real
    assert paired.better
    assert paired.high - paired.low < (high - low) / 5


def test_the_difference_and_its_interval_are_those_worked_by_hand():
    found = compared([10] * 8, [11] * 8)
    recall = found["recall"]
    assert (recall.first, recall.second, recall.value) == (0.5, 0.55, pytest.approx(0.05))
    assert (recall.low, recall.high) == (pytest.approx(0.05), pytest.approx(0.05))
    assert recall.samples == 160
    assert found["missed"].value == -8
    assert found["missed"].better  # less is better


def test_equal_versions_differ_by_exactly_nothing():
    for difference in compared(HARD, HARD).values():
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert not difference.real
        assert difference.better is None


@pytest.mark.parametrize(
    ("scenes", "shown"), [pytest.param(6, True, id="six"), pytest.param(5, False, id="five")]
)
def test_a_few_scenes_that_agree_show_nothing(scenes, shown):
    recall = compared([10] * scenes, [12] * scenes)["recall"]
    assert recall.value == pytest.approx(0.1)
    assert recall.real is shown
    assert ("fewer than 6 scenes" in recall.note) is not shown


def test_scenes_of_a_slice_alone_count_for_it():
    chosen = np.array([1] * 6 + [0] * 4)
    recall = compared(HARD, MORE, scenes=chosen, context="snow: high")["recall"]
    assert recall.scenes == 6
    assert recall.first == HARD[:6].sum() / 120
    assert recall.words == "Recall, snow: high"
    assert not recall.headline


def test_too_few_samples_give_no_number():
    recall = compared(HARD, MORE, min_samples=201)["recall"]
    assert (recall.first, recall.value, recall.low) == (None, None, None)
    assert recall.note == "fewer than 201 samples"


def test_the_headline_comes_first_then_the_surest():
    every = compared(HARD, MORE)["recall"]
    one, chance = HARD[:6] + 1, HARD[:6] + np.array([3, -2, 2, -3, 1, 0])
    sure = compared(HARD[:6], one, context="sure")["recall"]
    unsure = compared(HARD[:6], chance, context="unsure")["recall"]
    again = compared(HARD, MORE, context="all the same")["recall"]
    found = by_importance([unsure, again, sure, every])
    assert [d.context for d in found] == ["", "sure", "unsure"]
