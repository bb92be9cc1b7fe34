"""Detections -> detections: loose ends of lines that look at each other are joined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import KDTree

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.kernel.overlaps import pair_off
from factory_core.postprocess.kinds import Lines
from factory_core.postprocess.lines.ends import find_ends, outward

NEAREST = 8


@dataclass(frozen=True)
class CloseGaps:
    """Add a straight line between two loose ends that go on towards each other.

    A gap of a road under trees or a bridge. Each end joins one other, of another line of the
    same class, nearest first, among the 8 loose ends around it. The new line has the lower of
    the two scores and the other columns of the line that had it.

    Attributes:
        max_gap_m: Largest gap that is closed.
        max_turn_deg: Most that the way bends at either end of the gap.
    """

    max_gap_m: float
    max_turn_deg: float

    def __post_init__(self) -> None:
        check_at_least(0, max_gap_m=self.max_gap_m)
        check_within(0, 180, max_turn_deg=self.max_turn_deg)

    def __call__(self, detections: Lines) -> Lines:
        """The lines, and those that close gaps behind them."""
        lines = detections.geometry.to_numpy()
        ends = find_ends(lines)
        number = np.concatenate([ends.start, ends.stop])
        loose = np.flatnonzero(ends.degree[number] == 1)
        line = np.tile(np.arange(len(lines)), 2)[loose]
        places = ends.places[number[loose]]
        ways = np.concatenate(outward(lines))[loose]
        one, two = self._pairs(places, ways, line, labels=detections["label"].to_numpy())
        if not len(one):
            return detections
        a, b = line[one], line[two]
        scores = detections["score"].to_numpy()
        weaker = np.where(scores[a] <= scores[b], a, b)
        gaps = shapely.linestrings(np.stack([places[one], places[two]], axis=1))
        added = detections.iloc[weaker].set_geometry(gaps, crs=detections.crs)
        return pd.concat([detections, added], ignore_index=True)

    def _pairs(
        self, places: np.ndarray, ways: np.ndarray, line: np.ndarray, *, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the two ends of each gap."""
        near = min(NEAREST + 1, len(places))
        if near < 2:
            return np.empty(0, int), np.empty(0, int)
        tree = KDTree(places)
        gap, other = tree.query(
            places, k=[*range(1, near + 1)], distance_upper_bound=np.nextafter(self.max_gap_m, 1e9)
        )
        one = np.repeat(np.arange(len(places)), near)
        gap, other = gap.ravel(), other.ravel()
        found = np.isfinite(gap) & (one < other)
        one, other, gap = one[found], other[found], gap[found]
        across = (places[other] - places[one]) / np.maximum(gap, 1e-12)[:, None]
        least = np.cos(np.deg2rad(self.max_turn_deg)) - 1e-12
        fits = (np.sum(ways[one] * across, axis=1) >= least) & (
            np.sum(ways[other] * -across, axis=1) >= least
        )
        fits &= (line[one] != line[other]) & (labels[line[one]] == labels[line[other]])
        one, other, gap = one[fits], other[fits], gap[fits]
        order = np.lexsort([*places[one].T, *places[other].T, gap])
        one, other = one[order], other[order]
        chosen = pair_off(one, other, count=len(places))
        return one[chosen], other[chosen]
