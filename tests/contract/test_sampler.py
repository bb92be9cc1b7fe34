"""What every sampler promises, tested for each YAML in `conf/sampler/`."""

import numpy as np
import pandas as pd
import pytest

from factory_core.kernel import config
from factory_core.kernel.parts import list_parts
from factory_core.train.samplers.interface import Epoch

NODES = {p.name: {"_target_": p.target, **p.fields} for p in list_parts("sampler")}
WINDOWS = 60


@pytest.fixture(params=list(NODES))
def sampler(request):
    return config.build(NODES[request.param], where="sampler")


@pytest.fixture
def windows():
    """Sixty windows: a third without a label, one class rare, half of them in the snow."""
    number = np.arange(WINDOWS)
    cars, buses = np.where(number % 3, 2, 0), np.where(number % 20 == 1, 1, 0)
    return pd.DataFrame(
        {
            "window": number,
            "scene_id": "a",
            "row_px": 0,
            "column_px": number * 32,
            "labels": cars + buses,
            "count_car": cars,
            "count_bus": buses,
            "snow": np.where(number < 50, 0.1, 0.9),
        }
    )


def choose(sampler, windows, seed, losses=None):
    return sampler(Epoch(windows, np.random.default_rng(seed), losses or {}))


def test_gives_windows_that_there_are(sampler, windows):
    chosen = choose(sampler, windows, 0)
    assert np.issubdtype(chosen.dtype, np.integer)
    assert len(chosen)
    assert set(chosen.tolist()) <= set(range(WINDOWS))


def test_gives_as_many_in_every_epoch(sampler, windows):
    asked = sampler.asks_for(Epoch(windows, np.random.default_rng(9)))
    losses = {int(window): float(window) for window in asked}
    lengths = {len(choose(sampler, windows, seed)) for seed in range(5)}
    assert lengths == {len(choose(sampler, windows, 0, losses))}


def test_the_same_chance_gives_the_same_order_and_another_another(sampler, windows):
    before = windows.copy()
    assert np.array_equal(choose(sampler, windows, 3), choose(sampler, windows, 3))
    assert not np.array_equal(choose(sampler, windows, 3), choose(sampler, windows, 4))
    pd.testing.assert_frame_equal(windows, before)


def test_asks_for_windows_that_there_are(sampler, windows):
    asked = sampler.asks_for(Epoch(windows, np.random.default_rng(0)))
    assert set(asked.tolist()) <= set(range(WINDOWS))
    assert len(set(asked.tolist())) == len(asked)
