"""What each sampler prefers, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from factory_core.kernel.errors import ConfigError
from factory_core.train.samplers.balanced_by_class import BalancedByClass
from factory_core.train.samplers.balanced_by_context import BalancedByContext
from factory_core.train.samplers.evenly import draw_evenly
from factory_core.train.samplers.hard_negatives import HardNegatives
from factory_core.train.samplers.interface import Epoch
from factory_core.train.samplers.shuffled import Shuffled


def windows(**columns):
    """A table of windows; `labels` is the sum of the counts."""
    table = pd.DataFrame(columns)
    counts = [name for name in table if name.startswith("count_")]
    return table.assign(labels=table[counts].sum(axis=1), scene_id="a").rename_axis("window")


def epoch(table, *, seed=0, losses=None):
    return Epoch(table.reset_index(), np.random.default_rng(seed), losses or {})


def test_shuffled_is_the_permutation_of_its_generator():
    table = windows(count_car=[1] * 20)
    assert np.array_equal(
        Shuffled()(epoch(table, seed=(7, 2))), np.random.default_rng((7, 2)).permutation(20)
    )


@pytest.mark.parametrize(
    ("evenness", "counts"),
    [
        pytest.param(1.0, [30, 30, 30], id="all as often"),
        pytest.param(0.5, [54, 27, 9], id="root of their size"),
        pytest.param(0.0, [324, 81, 9], id="their size"),
    ],
)
def test_groups_get_their_share(evenness, counts):
    groups = [np.arange(size) + 1000 * number for number, size in enumerate([324, 81, 9])]
    generator = np.random.default_rng(0)
    drawn = draw_evenly(groups, sum(counts), evenness=evenness, generator=generator)
    assert np.bincount(drawn // 1000).tolist() == counts


def test_what_rounding_leaves_goes_to_some_group():
    generator = np.random.default_rng(0)
    groups = [np.arange(5), np.arange(5, 6), np.arange(6, 8)]
    for count in range(12):
        assert len(draw_evenly(groups, count, evenness=1.0, generator=generator)) == count


def test_no_window_of_a_group_comes_again_before_the_others_have_come():
    generator = np.random.default_rng(0)
    drawn = draw_evenly([np.arange(7), np.arange(7, 9)], 24, evenness=1.0, generator=generator)
    _, often = np.unique(drawn[drawn < 7], return_counts=True)
    assert sorted(often) == [1, 1, 2, 2, 2, 2, 2]
    _, often = np.unique(drawn[drawn >= 7], return_counts=True)
    assert often.tolist() == [6, 6]


def test_rare_classes_come_as_often_as_common_ones():
    table = windows(count_car=[1] * 80 + [0] * 20, count_bus=[0] * 76 + [2] * 4 + [0] * 20)
    order = BalancedByClass()(epoch(table))
    assert len(order) == 100
    assert (table["labels"].to_numpy()[order] == 0).sum() == 20
    with_bus = (table["count_bus"].to_numpy()[order] > 0).sum()
    assert 40 <= with_bus <= 46  # half of 80, and the cars that stand beside buses


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        pytest.param({"count_car": [1, 2, 0]}, "one class, car", id="a detector of one"),
        pytest.param({"count_car": [1, 2, 0], "count_bus": [0, 0, 0]}, "one class, car", id="only"),
        pytest.param({"count_car": [0], "count_bus": [0]}, "there are none", id="no label"),
    ],
)
def test_refuses_labels_of_one_class(counts, said):
    with pytest.raises(ConfigError, match=f"balanced_by_class.*{said}.*shuffled"):
        BalancedByClass()(epoch(windows(**counts)))


def test_rare_contexts_come_as_often_as_common_ones():
    snow = [0.1] * 80 + [0.5] * 8 + [0.9] * 2 + [np.nan] * 10
    table = windows(count_car=[1] * 100, snow=snow)
    order = BalancedByContext(context="snow", edges=(0.33, 0.67))(epoch(table))
    found = np.array(snow)[order]
    assert len(order) == 100
    assert np.isnan(found).sum() == 10
    assert [np.isclose(found, value).sum() for value in (0.1, 0.5, 0.9)] == [30, 30, 30]


def test_a_value_on_an_edge_belongs_to_the_range_above():
    table = windows(count_car=[1] * 4, snow=[0.2, 0.2, 0.2, 0.33])
    order = BalancedByContext(context="snow", edges=(0.33,))(epoch(table))
    assert (order == 3).sum() == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"context": "snwo"}, "'snwo'.*'snow'.*snow, haze", id="unknown"),
        pytest.param({"context": "count_car"}, "count_car.*do not have", id="no context"),
        pytest.param({"edges": (2.0,)}, r"edges.*\[2.0\].*from 0.1 to 0.9 in the 2 of 3", id="one"),
        pytest.param({"context": "haze"}, "nan to nan in the 0 of 3", id="never measured"),
    ],
)
def test_refuses_contexts(fields, said):
    table = windows(count_car=[1, 1, 1], snow=[0.1, 0.9, np.nan], haze=[np.nan] * 3)
    with pytest.raises(ConfigError, match=said):
        BalancedByContext(**fields)(epoch(table))


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        (BalancedByClass, {"evenness": 1.1}),
        (BalancedByContext, {"evenness": -0.1}),
        (BalancedByContext, {"edges": ()}),
        (BalancedByContext, {"edges": (0.5, 0.5)}),
        (BalancedByContext, {"edges": (0.6, 0.5)}),
        (HardNegatives, {"share": 0.0}),
        (HardNegatives, {"share": 1.0}),
        (HardNegatives, {"hard_share": 1.1}),
        (HardNegatives, {"looked_at": 0}),
    ],
    ids=str,
)
def test_refuses_fields(part, fields):
    with pytest.raises(ValueError, match="Received"):
        part(**fields)


def many_negatives():
    return windows(count_car=[1] * 14 + [0] * 86)


def test_the_hardest_negatives_come_and_the_rest_by_chance():
    sampler = HardNegatives(share=0.3, hard_share=0.5, looked_at=40)
    losses = {window: float(window % 50) for window in range(20, 60)}
    order = sampler(epoch(many_negatives(), losses=losses))
    assert len(order) == 20
    assert set(range(14)) <= set(order.tolist())
    assert {49, 48, 47} <= set(order.tolist())
    again = sampler(epoch(many_negatives(), losses=losses, seed=1))
    assert {49, 48, 47} <= set(again.tolist())
    assert set(order.tolist()) != set(again.tolist())
    first = sampler(epoch(many_negatives()))
    assert len(first) == 20
    assert not {49, 48, 47} <= set(first.tolist())


def test_asks_for_windows_without_labels_only():
    asked = HardNegatives(looked_at=40)
    found = asked.asks_for(epoch(many_negatives()))
    assert len(found) == 40
    assert found.min() >= 14


def test_takes_all_negatives_where_there_are_few():
    table = windows(count_car=[1] * 18 + [0] * 2)
    order = HardNegatives(share=0.5)(epoch(table, losses={18: 1.0, 19: 2.0}))
    assert sorted(order.tolist()) == list(range(20))


def test_refuses_to_choose_among_no_negatives():
    with pytest.raises(ConfigError, match=r"hard_negatives.*every window.*background_share"):
        HardNegatives()(epoch(windows(count_car=[1, 1])))
