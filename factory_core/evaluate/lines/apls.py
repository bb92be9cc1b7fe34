"""Average path length similarity: are the ways on one network as long on the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import shapely

from factory_core.evaluate.lines.network import Network, Points
from factory_core.evaluate.lines.networks import Networks, build_networks
from factory_core.evaluate.metric import Metric, Number, Quantity, Reads, Sums, ratio
from factory_core.evaluate.results import Results
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Apls(Metric):
    """Average path length similarity (APLS) of networks, the score of SpaceNet's roads.

    Ways between places on the labels are looked for on the detections, and the other way
    round; the harmonic mean of the two is the score of a scene. All scenes count alike, as
    SpaceNet's do, however long their lines are; a scene with ways on one side only has the
    score 0, one without any counts nowhere. Lines of all classes are one network, joined
    where they have a vertex in common: a crossing without one is a bridge. The edge of the
    split cuts ways, on both sides alike.

    Attributes:
        snap_m: Largest distance of a place from the other network.
        spacing_m: Largest distance of places along a line.
        min_way_m: Shorter ways do not count: they are all snapping.
        sources: So many places of a scene, evenly chosen, begin ways at most; all end them.

    Source: van Etten, Lindenbaum and Bacastow, SpaceNet: A Remote Sensing Dataset and Challenge
    Series (2018), section 5.1, https://arxiv.org/abs/1807.01232.
    """

    snap_m: float
    spacing_m: float
    min_way_m: float
    sources: int

    group: ClassVar = "The network"
    gives: ClassVar = {
        "apls": Quantity(
            "APLS", "how well ways on the network keep their length, mean over scenes"
        ),
        "apls_recall": Quantity("APLS recall", "the same, of ways on the labels only"),
        "apls_precision": Quantity("APLS precision", "the same, of ways on the detections only"),
    }
    reads: ClassVar[Reads] = "lines"

    def __post_init__(self) -> None:
        """Refuse what cannot be walked."""
        check_at_least(0, snap_m=self.snap_m, min_way_m=self.min_way_m)
        check_at_least(1, spacing_m=self.spacing_m, sources=self.sources)

    def __call__(self, results: Results) -> Sums:
        """Walk all ways of each scene."""
        rows = results.compute.map(
            partial(_of_scene, part=self),
            results.shared(build_networks),
            label="evaluate: ways",
        )
        return Sums(np.array(rows, float).reshape(-1, 7), _means)


def _of_scene(networks: Networks, *, part: Apls) -> list[float]:
    """Score, recall, precision, 0 without ways; whether there are any; places on the labels."""
    similarity = partial(
        path_similarity,
        snap_m=part.snap_m,
        spacing_m=part.spacing_m,
        min_way_m=part.min_way_m,
        sources=part.sources,
    )
    recall = similarity(networks.labels, networks.detections)
    precision = similarity(networks.detections, networks.labels)
    known = [recall is not None or precision is not None, recall is not None, precision is not None]
    recall, precision = recall or 0.0, precision or 0.0
    both = recall + precision
    score = 2 * recall * precision / both if both else 0.0
    places = len(control_points(networks.labels, spacing_m=part.spacing_m).edge)
    return [score, recall, precision, *map(float, known), places]


def _means(sums: np.ndarray) -> dict[str, Number]:
    return {
        name: Number(ratio(sums[:, at], sums[:, 3 + at]), sums[:, 6])
        for at, name in enumerate(Apls.gives)
    }


def path_similarity(
    of: Network, on: Network, *, snap_m: float, spacing_m: float, min_way_m: float, sources: int
) -> float | None:
    """How well the ways of one network exist on another.

    Control points (nodes and points between them) of `of` are snapped onto `on`. Each way
    between two of them differs by `|length - length on the other| / length`, at most 1, and
    by 1 where a point is not snapped or no way leads. The result is 1 less the mean.

    Args:
        of: Whose ways are looked for.
        on: Where they are looked for.
        snap_m: Largest distance of a control point from the other network.
        spacing_m: Largest distance of control points along an edge.
        min_way_m: Shorter ways do not count: they are all snapping.
        sources: So many control points, evenly chosen, start ways at most; all end them.

    Returns:
        In [0, 1], or None where `of` has no way that counts.

    Source: van Etten, Lindenbaum and Bacastow, SpaceNet: A Remote Sensing Dataset and Challenge
    Series (2018), section 5.1, https://arxiv.org/abs/1807.01232; spacing, snapping and shortest
    way as in the code of its authors, https://github.com/CosmiQ/apls.
    """
    points = control_points(of, spacing_m=spacing_m)
    snapped, there = snap(points.at(of), network=on, within_m=snap_m)
    number = np.full(len(points.edge), -1)
    number[snapped] = np.arange(len(snapped))
    difference, count = 0.0, 0
    for some, here_m in of.ways(points, sources=_evenly(len(points.edge), most=sources)):
        there_m = np.full(here_m.shape, np.inf)
        kept = number[some] >= 0
        if kept.any():
            rows = [ways for _, ways in on.ways(there, sources=number[some[kept]])]
            there_m[np.ix_(kept, snapped)] = np.concatenate(rows)
        counts = np.isfinite(here_m) & (here_m >= max(min_way_m, 1e-6))
        counts[np.arange(len(some)), some] = False
        here_m, there_m = here_m[counts], there_m[counts]
        difference += float(np.minimum(np.abs(here_m - there_m) / here_m, 1).sum())
        count += len(here_m)
    return 1 - difference / count if count else None


def control_points(network: Network, *, spacing_m: float) -> Points:
    """The nodes of a network, and points at equal distances on its edges.

    Edges are cut into parts of at most `spacing_m`; those of three quarters of it and more get
    one point at least.
    """
    length = shapely.length(network.edges)
    parts = np.ceil(length / spacing_m - 1e-9).astype(int)
    parts = np.maximum(parts, 1 + (length >= 0.75 * spacing_m))
    edge = np.repeat(np.arange(len(length)), parts - 1)
    first = np.cumsum(parts - 1) - (parts - 1)
    step = 1 + np.arange(len(edge)) - first[edge]
    between = Points(edge, step * (length / parts)[edge])
    ends = np.concatenate([network.start, network.stop])
    _, once = np.unique(ends, return_index=True)
    at_start = once < len(length)
    edge_of_node = once % max(len(length), 1)
    along = np.where(at_start, 0.0, length[edge_of_node])
    return Points(
        np.concatenate([edge_of_node, between.edge]), np.concatenate([along, between.along_m])
    )


def snap(points: np.ndarray, *, network: Network, within_m: float) -> tuple[np.ndarray, Points]:
    """The nearest places on a network.

    Returns:
        Numbers of the points that have one within `within_m`, and these places.
    """
    if not len(network.edges) or not len(points):
        return np.empty(0, int), Points.none()
    tree = shapely.STRtree(network.edges)
    near, edge = tree.query_nearest(points, max_distance=within_m, all_matches=False)
    return near, Points(edge, shapely.line_locate_point(network.edges[edge], points[near]))


def _evenly(count: int, *, most: int) -> np.ndarray:
    """Up to `most` of the numbers below `count`, at equal distances."""
    return np.unique(np.linspace(0, max(count - 1, 0), min(count, most)).round().astype(int))
