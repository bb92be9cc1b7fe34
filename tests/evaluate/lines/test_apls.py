"""APLS on networks whose ways can be walked by hand, and against the code of its authors."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from factory_core.evaluate.lines.apls import control_points, path_similarity
from factory_core.evaluate.lines.network import build_network

ROAD = [[(0, 0), (100, 0)]]
CROSS = [
    [(0, 0), (100, 0)],
    [(100, 0), (200, 0)],
    [(100, -100), (100, 0)],
    [(100, 0), (100, 100)],
]
BESIDE = [
    [(0, 3), (100, 3)],
    [(100, 3), (200, 3)],
    [(100, -100), (100, 3)],
    [(100, 3), (100, 100)],
]


def network(paths):
    return build_network(np.array([shapely.LineString(path) for path in paths], object))


def both_ways(labels, detections, **changed):
    """Ways of the labels on the detections, and the other way round."""
    fields = {"snap_m": 4, "spacing_m": 50, "min_way_m": 10, "sources": 1000} | changed
    true, said = network(labels), network(detections)
    return path_similarity(true, said, **fields), path_similarity(said, true, **fields)


def grid():
    """Nine blocks of 90 m, streets wound by a metre or two, and two of them away."""
    rng = np.random.default_rng(3)
    corners = {
        (i, j): (i * 90 + rng.normal(0, 1.5), j * 90 + rng.normal(0, 1.5))
        for i in range(4)
        for j in range(4)
    }
    streets = [((i, j), (i + 1, j)) for i in range(3) for j in range(4)]
    streets += [((i, j), (i, j + 1)) for i in range(4) for j in range(3)]
    true = [[(90 * a[0], 90 * a[1]), (90 * b[0], 90 * b[1])] for a, b in streets]
    gone = {((1, 1), (2, 1)), ((2, 2), (2, 3))}
    return true, [[corners[a], corners[b]] for a, b in streets if (a, b) not in gone]


@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([], [], (None, None), id="nothing"),
        pytest.param(ROAD, [], (0, None), id="missed"),
        pytest.param([], ROAD, (None, 0), id="false"),
        pytest.param([[(0, 0), (5, 0)]], ROAD, (None, 0), id="too short for a way"),
        pytest.param(ROAD, ROAD, (1, 1), id="the same"),
        pytest.param(CROSS, [path[::-1] for path in CROSS[::-1]], (1, 1), id="the same, turned"),
        pytest.param(ROAD, [[(0, 4), (100, 4)]], (1, 1), id="beside it, within the snap"),
        pytest.param(ROAD, [[(0, 4.01), (100, 4.01)]], (0, 0), id="beside it, beyond the snap"),
        # Places at 0, 50 and 100: of the ways 50, 50 and 100 only the first is left.
        pytest.param(ROAD, [[(0, 0), (50, 0)]], (1 / 3, 1), id="half of it"),
        # The detour has 7 places, so 21 ways; that from end to end differs by two thirds.
        pytest.param(
            ROAD,
            [[(0, 0), (0, 100), (100, 100), (100, 0)]],
            (0, 1 / 3 / 21),
            id="a way three times as long is as bad as none",
        ),
    ],
)
def test_ways_worked_by_hand(labels, detections, expected):
    assert both_ways(labels, detections) == pytest.approx(expected)


def test_a_detour_of_a_fifth():
    """Places at the ends only: 120 m for 100 m differ by 0.2, and 100 for 120 by a sixth."""
    detour = [[(0, 0), (0, 10), (100, 10), (100, 0)]]
    assert both_ways(ROAD, detour, spacing_m=500) == pytest.approx((0.8, 5 / 6))


# Printed by `make_graphs` and `compute_apls_metric` of apls 0.1.0 of its authors (PyPI), with
# `osgeo` stubbed, on graphs of these lines, settings as above, injecting points on straight edges.
# It has nodes where only two streets meet; ours are merged: 3e-4 apart.
@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param(CROSS, CROSS, (1.0, 1.0), id="the same"),
        pytest.param(CROSS, BESIDE, (0.9855555555555555, 0.986148679120449), id="3 m beside"),
        pytest.param(CROSS, CROSS[:1] + CROSS[2:], (0.5833333333333333, 1.0), id="a broken edge"),
        pytest.param(ROAD, [[(0, 0), (50, 0)]], (0.33333333333333337, 1.0), id="half a road"),
        pytest.param(*grid(), (0.8028736568877843, 0.960213003573441), id="a town"),
    ],
)
def test_equals_the_code_of_its_authors(labels, detections, expected):
    assert both_ways(labels, detections) == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize(
    ("length_m", "at_m"),
    [
        pytest.param(37, [0, 37], id="short: its ends"),
        pytest.param(38, [0, 19, 38], id="three quarters: its middle"),
        pytest.param(50, [0, 25, 50], id="the spacing: its middle"),
        pytest.param(100, [0, 50, 100], id="twice"),
        pytest.param(120, [0, 40, 80, 120], id="equal parts"),
    ],
)
def test_places_along_an_edge(length_m, at_m):
    road = network([[(0, 0), (length_m, 0)]])
    points = control_points(road, spacing_m=50).at(road)
    assert sorted(shapely.get_x(points)) == pytest.approx(at_m)


# A corner for each place, off the grid: no place is as near to one line as to another.
CORNERS = np.random.default_rng(0).uniform(0, 200, (25, 2)).round(2)
paths = st.lists(st.lists(st.integers(0, 24), min_size=2, max_size=5, unique=True), max_size=4)


@settings(max_examples=15)
@given(labels=paths, detections=paths)
def test_bounds_symmetry_and_translation(labels, detections):
    labels, detections = ([CORNERS[path] for path in side] for side in (labels, detections))
    here = both_ways(labels, detections)
    assert all(one is None or 0 <= one <= 1 for one in here)
    assert both_ways(detections, labels) == here[::-1]
    moved = both_ways(
        *([path + np.array([1000, -3000]) for path in side] for side in (labels, detections))
    )
    for one, other in zip(moved, here, strict=True):
        assert one == (other if other is None else pytest.approx(other, abs=1e-6))
    assert both_ways(labels, labels)[0] in (None, pytest.approx(1))


def test_few_sources_are_near_all():
    true, found = grid()
    every = both_ways(true, found)
    some = both_ways(true, found, sources=15)
    assert some == pytest.approx(every, abs=0.1)
    assert some != every
