"""Pairs that share out their ends."""

import numpy as np
import pytest

from factory_core.kernel.overlaps import pair_off


@pytest.mark.parametrize(
    ("pairs", "left"),
    [
        pytest.param([], [], id="none"),
        pytest.param([(0, 1), (2, 3)], [0, 1], id="apart"),
        pytest.param([(0, 1), (0, 2), (3, 2)], [0, 2], id="what is taken is free for none"),
        pytest.param([(0, 1), (1, 2), (2, 3)], [0, 2], id="a chain"),
    ],
)
def test_each_pair_in_turn_takes_both_ends_away(pairs, left):
    one, other = np.array(pairs, int).reshape(-1, 2).T
    assert pair_off(one, other, count=4).tolist() == left
