"""Lengths of lines beside lines, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from factory_core.evaluate.lines.lengths import length_along, part_along

ROAD = [(0, 0), (100, 0)]


def lines(*paths):
    return np.array([shapely.LineString(path) for path in paths], object)


@pytest.mark.parametrize(
    ("line", "others", "expected"),
    [
        pytest.param(ROAD, [], 0, id="nothing there"),
        pytest.param(ROAD, [ROAD], 100, id="itself"),
        pytest.param(ROAD, [[(0, 4), (100, 4)]], 100, id="beside it, as far as may be"),
        pytest.param(ROAD, [[(0, 4.1), (100, 4.1)]], 0, id="beside it, beyond the buffer"),
        # The buffer is round at its end: 3-4-5, so that 4 m of 50 m and on count too.
        pytest.param(ROAD, [[(0, 3), (50, 3)]], 54, id="half of it, 3 m beside, within 5 m"),
        pytest.param(ROAD, [[(0, 1), (70, 1)], [(30, -1), (100, -1)]], 100, id="two, once"),
        pytest.param(ROAD, [[(50, -9), (50, 9)]], 8, id="a crossing counts with its buffer"),
        pytest.param(ROAD, [[(-50, 0), (-4, 0)]], 0, id="touched, and no more"),
    ],
)
def test_length_beside_others(line, others, expected):
    within_m = 5 if expected == 54 else 4
    found = length_along(lines(line), lines(*others), within_m=within_m)
    assert found == pytest.approx([expected], rel=2e-3)


def test_no_lines_have_no_length():
    assert length_along(lines(), lines(ROAD), within_m=4).tolist() == []


places = st.tuples(st.integers(0, 60), st.integers(0, 60))
paths = st.lists(st.lists(places, min_size=2, max_size=3, unique=True), max_size=3)


@settings(max_examples=10)
@example(
    ours=[[(0, 0), (60, 0)], [(0, 6), (60, 6)]], theirs=[[(0, 3), (30, 3)], [(20, 2), (60, 2)]]
)
@given(ours=paths, theirs=paths)
def test_equals_the_buffer_of_all_others_at_once(ours, theirs):
    """The plain way: one buffer of everything, and each line cut by it."""
    ours, theirs = lines(*ours), lines(*theirs)
    along, rest = part_along(ours, theirs, within_m=4)
    everything = shapely.union_all(shapely.buffer(theirs, 4, quad_segs=16))
    plain = [line.intersection(everything).length for line in ours]
    # Round ends are drawn with corners, which lie elsewhere where two buffers meet.
    assert shapely.length(along) == pytest.approx(plain, abs=0.1)
    whole = shapely.is_simple(ours)  # a line that goes back on itself is cut to one of two
    parts = shapely.length(along) + shapely.length(rest)
    assert parts[whole] == pytest.approx(shapely.length(ours)[whole])
