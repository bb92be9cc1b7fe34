"""Junctions that are missing or too many, and networks that fall apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.spatial import KDTree

from factory_core.evaluate.lines.networks import Networks, build_networks
from factory_core.evaluate.metric import Metric, Number, Quantity, Reads, Sums, ratio
from factory_core.evaluate.results import Results
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Topology(Metric):
    """Missing and extra junctions, and the error of the number of connected components.

    A junction is a place where three lines or more meet. Those of labels and detections are
    paired one to one, as many as lie within `radius_m` of each other. The error of the
    components is the sum of its amounts over scenes: too many on one do not make up for too
    few on another. This is not the TOPO of Biagioni and Eriksson (2012), which samples what
    can be reached; ways are the matter of `apls`.

    Attributes:
        radius_m: Largest distance of the junctions of a pair.

    Source: the pairs of most, Hopcroft and Karp, SIAM Journal on Computing 2 (1973), 225.
    """

    radius_m: float

    group: ClassVar = "The network"
    gives: ClassVar = {
        "junction_f1": Quantity(
            "Junction F1", "harmonic mean of precision and recall of junctions"
        ),
        "junction_precision": Quantity(
            "Junction precision", "share of the detected junctions that are right"
        ),
        "junction_recall": Quantity(
            "Junction recall", "share of the labelled junctions that were found"
        ),
        "junctions_missed": Quantity("Junctions missed", "labelled, and not found", 0.0),
        "junctions_false": Quantity("Junctions false", "detected, and not labelled", 0.0),
        "component_error": Quantity(
            "Component error",
            "how far the numbers of connected components are off, over those of the labels",
            0.0,
        ),
    }
    reads: ClassVar[Reads] = "lines"

    def __post_init__(self) -> None:
        """Refuse a radius below nothing."""
        check_at_least(0, radius_m=self.radius_m)

    def __call__(self, results: Results) -> Sums:
        """Count the junctions and components of each scene."""
        rows = results.compute.map(
            partial(_count, within_m=self.radius_m),
            results.shared(build_networks),
            label="evaluate: junctions",
        )
        return Sums(np.array(rows, float).reshape(-1, 5), _numbers)


def _count(networks: Networks, *, within_m: float) -> tuple[int, int, int, int, int]:
    """Junctions of labels, of detections, pairs; components of labels, how far they are off."""
    true, said = networks.labels, networks.detections
    return (
        len(true.junctions),
        len(said.junctions),
        count_pairs(true.junctions, said.junctions, within_m=within_m),
        true.components,
        abs(said.components - true.components),
    )


def count_pairs(one: np.ndarray, other: np.ndarray, *, within_m: float) -> int:
    """Most pairs, one to one, of places that lie within a distance of each other.

    Args:
        one: `(place, 2)` x and y in metres.
        other: `(place, 2)` the same.
        within_m: Largest distance of a pair.
    """
    if not len(one) or not len(other):
        return 0
    near = KDTree(one).sparse_distance_matrix(KDTree(other), within_m, output_type="ndarray")
    pairs = sparse.csr_array(
        (np.ones(len(near), bool), (near["i"], near["j"])), shape=(len(one), len(other))
    )
    return int((maximum_bipartite_matching(pairs) >= 0).sum())


def _numbers(sums: np.ndarray) -> dict[str, Number]:
    true, said, pairs, components, off = sums.T
    return {
        "junction_f1": Number(ratio(2 * pairs, true + said), true),
        "junction_precision": Number(ratio(pairs, said), said),
        "junction_recall": Number(ratio(pairs, true), true),
        "junctions_missed": Number(true - pairs),
        "junctions_false": Number(said - pairs),
        "component_error": Number(ratio(off, components), components),
    }
