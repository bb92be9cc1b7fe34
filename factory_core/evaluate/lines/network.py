"""Lines as a network: edges between nodes, points on them, shortest ways from point to point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra

# Vertices on the same millimetre are one.
DIGITS = 3
# Ways that are held at once.
MOST_WAYS = 4_000_000


@dataclass(frozen=True)
class Network:
    """Lines that meet in nodes; where two go on in each other they are one.

    Attributes:
        edges: `(edge,)` LineStrings from node to node, in a CRS in metres.
        places: `(node, 2)` x and y.
        start: `(edge,)` node where each begins.
        stop: `(edge,)` node where it ends, its start for a ring.
    """

    edges: np.ndarray
    places: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    @property
    def degree(self) -> np.ndarray:
        """`(node,)` how many ends of edges lie there; three or more make a junction."""
        return np.bincount(np.concatenate([self.start, self.stop]), minlength=len(self.places))

    @property
    def junctions(self) -> np.ndarray:
        """`(junction, 2)` places where three edges or more meet."""
        return self.places[self.degree >= 3]

    @property
    def components(self) -> int:
        """Number of connected components."""
        return int(connected_components(self._graph(Points.none()), directed=False)[0])

    def ways(
        self, points: Points, *, sources: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Shortest ways along the network between points on it.

        Args:
            points: Where ways begin and end.
            sources: Numbers of the points to start from.

        Yields:
            Some of `sources`, and `(source, point)` metres from each to every point; infinite
            where no way leads.
        """
        graph = self._graph(points)
        nodes = len(self.places)
        step = max(1, MOST_WAYS // max(graph.shape[0], 1))
        for first in range(0, len(sources), step):
            some = sources[first : first + step]
            yield some, dijkstra(graph, directed=False, indices=nodes + some)[:, nodes:]

    def _graph(self, points: Points) -> sparse.csr_array:
        """Metres between neighbours: the nodes, then the points."""
        nodes, count = len(self.places), len(self.edges)
        edge = np.concatenate([np.arange(count), points.edge, np.arange(count)])
        along = np.concatenate([np.zeros(count), points.along_m, shapely.length(self.edges)])
        name = np.concatenate([self.start, nodes + np.arange(len(points.edge)), self.stop])
        # Start and stop come first and last though a point may lie on them.
        turn = np.repeat([0, 1, 2], [count, len(points.edge), count])
        order = np.lexsort([turn, along, edge])
        edge, along, name = edge[order], along[order], name[order]
        same = edge[1:] == edge[:-1]
        one, two = name[:-1][same], name[1:][same]
        metres = np.maximum(np.diff(along)[same], 0.0)
        one, two = np.minimum(one, two), np.maximum(one, two)
        # Of two edges between the same nodes the shorter one; a matrix would add them up.
        order = np.lexsort([metres, two, one])
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(one[order]) > 0) | (np.diff(two[order]) > 0)
        order = order[first]
        size = nodes + len(points.edge)
        return sparse.csr_array((metres[order], (one[order], two[order])), shape=(size, size))


@dataclass(frozen=True)
class Points:
    """Points on the edges of a network.

    Attributes:
        edge: `(point,)` number of the edge.
        along_m: `(point,)` how far from its start.
    """

    edge: np.ndarray
    along_m: np.ndarray

    @classmethod
    def none(cls) -> Points:
        """No points."""
        return cls(np.empty(0, int), np.empty(0))

    def at(self, network: Network) -> np.ndarray:
        """`(point,)` where they lie, as shapely Points."""
        found: np.ndarray = shapely.line_interpolate_point(network.edges[self.edge], self.along_m)
        return found


def build_network(lines: np.ndarray) -> Network:
    """A network of lines, joined where they have a vertex in common and nowhere else.

    A road over another, without a vertex there, is a bridge. Lines on each other are one, and
    lines without length none.

    Args:
        lines: `(line,)` LineStrings or MultiLineStrings, in a CRS in metres.
    """
    pieces = _pieces(shapely.get_parts(lines))
    merged = shapely.line_merge(shapely.multilinestrings(pieces)) if len(pieces) else None
    edges = shapely.get_parts(np.array([merged], object)) if len(pieces) else pieces
    ends = [shapely.get_coordinates(shapely.get_point(edges, at)) for at in (0, -1)]
    points = np.concatenate(ends)
    places, number = np.unique(points, axis=0, return_inverse=True)
    start, stop = number.reshape(2, -1)
    return Network(edges, places, start, stop)


def _pieces(lines: np.ndarray) -> np.ndarray:
    """Lines cut at every vertex that is an end, or that more than one vertex lies on; each once."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    points = np.round(points, DIGITS)
    moves = np.ones(len(points), bool)
    moves[1:] = (points[1:] != points[:-1]).any(axis=1) | (line[1:] != line[:-1])
    points, line = points[moves], line[moves]
    _, number, count = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    new_line = np.ones(len(points) + 1, bool)
    new_line[1:-1] = line[1:] != line[:-1]
    inside = ~new_line[:-1] & ~new_line[1:]
    cut = inside & (count[number.ravel()] > 1)
    index = np.repeat(np.arange(len(points)), 1 + cut)
    begins = new_line[:-1][index]
    begins[1:] |= index[1:] == index[:-1]
    piece = np.cumsum(begins) - 1
    long = np.bincount(piece)[piece] > 1
    if not long.any():
        return np.empty(0, object)
    _, piece = np.unique(piece[long], return_inverse=True)
    pieces = shapely.normalize(shapely.linestrings(points[index[long]], indices=piece))
    _, once = np.unique(shapely.to_wkb(pieces), return_index=True)
    found: np.ndarray = pieces[once]
    return found
