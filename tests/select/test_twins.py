"""Scenes that look alike are found, all of them and no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from factory_core.select.twins import find_twins, near_pairs


@given(
    values=st.lists(st.integers(0, 2**64 - 1), max_size=12),
    flips=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 63)), max_size=20),
    max_bits=st.integers(0, 8),
)
def test_finds_what_comparing_each_with_each_finds(values, flips, max_bits):
    for place, bit in flips:
        if values:
            values.append(values[place % len(values)] ^ (1 << bit))
    expected = [
        (a, b)
        for a in range(len(values))
        for b in range(a + 1, len(values))
        if (values[a] ^ values[b]).bit_count() <= max_bits
    ]
    assert near_pairs(np.array(values, dtype=np.uint64), max_bits=max_bits) == expected


HASHES = {"a": "00" * 8, "b": "00" * 7 + "03", "c": "ff" * 8, "flat": None, "old": float("nan")}
APART = {name: box(10 * n, 0, 10 * n + 1, 1) for n, name in enumerate(HASHES)}


@pytest.mark.parametrize(
    ("max_bits", "outlines", "expected"),
    [
        pytest.param(4, APART, [("a", "b")], id="two bits apart"),
        pytest.param(2, APART, [("a", "b")], id="limit itself"),
        pytest.param(1, APART, [], id="beyond"),
        pytest.param(-1, APART, [], id="off"),
        pytest.param(4, APART | {"b": box(0, 0, 1, 0.9)}, [], id="the same ground"),
        pytest.param(4, APART | {"b": box(0.8, 0, 1.8, 1)}, [("a", "b")], id="little in common"),
    ],
)
def test_pairs(max_bits, outlines, expected):
    assert find_twins(HASHES, outlines, max_bits=max_bits) == expected
