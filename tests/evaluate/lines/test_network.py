"""Networks of lines: where they join, how far it is along them."""

from __future__ import annotations

from itertools import pairwise

import networkx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from factory_core.evaluate.lines import network
from factory_core.evaluate.lines.apls import control_points
from factory_core.evaluate.lines.network import Points, build_network


def lines(*paths):
    """Each a list of places."""
    return np.array([shapely.LineString(path) for path in paths], object)


def distances(found, points):
    every = np.arange(len(points.edge))
    return np.concatenate([ways for _, ways in found.ways(points, sources=every)])


@pytest.mark.parametrize(
    ("given", "edges", "junctions", "components"),
    [
        pytest.param([], 0, 0, 0, id="nothing"),
        pytest.param([[(0, 0), (9, 0)]], 1, 0, 1, id="a line"),
        pytest.param([[(3, 3), (3, 3)]], 0, 0, 0, id="no length is no line"),
        pytest.param([[(0, 0), (5, 0)], [(5, 0), (9, 0)]], 1, 0, 1, id="two that go on are one"),
        pytest.param([[(0, 0), (5, 0), (9, 0)], [(5, 0), (5, 9)]], 3, 1, 1, id="a T at a vertex"),
        pytest.param([[(0, 0), (9, 0)], [(5, 0), (5, 9)]], 2, 0, 2, id="no vertex there, no T"),
        pytest.param([[(0, 0), (9, 9)], [(0, 9), (9, 0)]], 2, 0, 2, id="a bridge"),
        pytest.param([[(0, 0), (9, 0)], [(9, 0), (0, 0)]], 1, 0, 1, id="the same line twice"),
        pytest.param([[(0, 0), (9, 0), (9, 9), (0, 0)]], 1, 0, 1, id="a ring"),
        pytest.param(
            [[(0, 0), (9, 0), (9, 9), (0, 0)], [(-5, 0), (0, 0)]], 2, 1, 1, id="a ring with a tail"
        ),
        pytest.param(
            [[(0, 0), (9, 0)], [(0, 0), (5, 5), (9, 0)], [(0, 0), (5, -5), (9, 0)]],
            3,
            2,
            1,
            id="three ways round",
        ),
        pytest.param(
            [[(0, 0), (5, 0.0004)], [(5, -0.0004), (9, 0)]], 1, 0, 1, id="joined by a millimetre"
        ),
    ],
)
def test_edges_run_from_junction_to_junction(given, edges, junctions, components):
    found = build_network(lines(*given))
    assert (len(found.edges), len(found.junctions), found.components) == (
        edges,
        junctions,
        components,
    )


def test_the_shorter_of_two_edges_between_the_same_nodes_counts():
    found = build_network(
        lines([(-3, 0), (0, 0)], [(0, 0), (6, 0)], [(0, 0), (3, 4), (6, 0)], [(6, 0), (9, 0)])
    )
    ends = control_points(found, spacing_m=1000)
    places = shapely.get_coordinates(ends.at(found)).tolist()
    way = distances(found, ends)[places.index([-3, 0]), places.index([9, 0])]
    assert way == pytest.approx(12)


def test_points_on_one_place_are_no_metre_apart():
    found = build_network(lines([(0, 0), (10, 0)]))
    points = Points(np.array([0, 0, 0]), np.array([4.0, 4.0, 10.0]))
    assert distances(found, points).tolist() == [[0, 0, 6], [0, 0, 6], [6, 6, 0]]


def test_no_way_between_components():
    found = build_network(lines([(0, 0), (10, 0)], [(0, 5), (10, 5)]))
    points = Points(np.array([0, 1]), np.array([4.0, 4.0]))
    assert distances(found, points).tolist() == [[0, np.inf], [np.inf, 0]]


places = st.tuples(st.integers(0, 4), st.integers(0, 4))
paths = st.lists(st.lists(places, min_size=2, max_size=6), max_size=6)


@settings(max_examples=25)
@given(given=paths, seed=st.integers(0, 99), most=st.sampled_from([1, 7, 4_000_000]))
def test_ways_are_those_of_networkx(given, seed, most):
    """The independent library: a plain graph of vertices and points, Dijkstra's algorithm."""
    found = build_network(lines(*given))
    rng = np.random.default_rng(seed)
    edge = rng.integers(0, len(found.edges), 5 * (len(found.edges) > 0))
    points = Points(edge, rng.random(len(edge)) * shapely.length(found.edges[edge]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "MOST_WAYS", most)
        ours = distances(found, points) if len(edge) else np.empty((0, 0))
    graph = networkx.Graph()
    for number, line in enumerate(found.edges):
        stops = [(0.0, found.start[number].item()), (line.length, found.stop[number].item())]
        stops += [(points.along_m[p], f"point {p}") for p in np.flatnonzero(edge == number)]
        stops.sort(key=lambda stop: (stop[0], isinstance(stop[1], str)))
        for (here, one), (there, other) in pairwise(stops):
            known = graph.get_edge_data(one, other, {"m": np.inf})["m"]
            graph.add_edge(one, other, m=min(there - here, known))
    for one in range(len(edge)):
        theirs = networkx.single_source_dijkstra_path_length(graph, f"point {one}", weight="m")
        for other in range(len(edge)):
            assert ours[one, other] == pytest.approx(theirs.get(f"point {other}", np.inf))


@settings(max_examples=25)
@given(given=paths)
def test_no_metre_is_lost_and_order_does_not_matter(given):
    found = build_network(lines(*given))
    whole = shapely.union_all(
        lines(*[[path[i], path[i + 1]] for path in given for i in range(len(path) - 1)])
    )
    again = build_network(lines(*[path[::-1] for path in given[::-1]]))
    assert shapely.length(again.edges).tolist() == pytest.approx(
        shapely.length(found.edges).tolist()
    )
    # Lines on each other in part, without a common vertex, are two.
    assert shapely.length(found.edges).sum() >= whole.length - 1e-9
