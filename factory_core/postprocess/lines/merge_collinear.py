"""Detections -> detections: lines that go on in each other become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from factory_core.kernel.limits import check_within
from factory_core.postprocess.kinds import Lines
from factory_core.postprocess.lines.ends import find_ends, outward


@dataclass(frozen=True)
class MergeCollinear:
    """Join lines of a class end to end where exactly two meet and the way bends by little.

    Junctions of three and more stay. The score is the mean over the lengths; the other columns
    are those of the longest line.

    Attributes:
        max_turn_deg: Largest bend that is no corner.
    """

    max_turn_deg: float

    def __post_init__(self) -> None:
        check_within(0, 180, max_turn_deg=self.max_turn_deg)

    def __call__(self, detections: Lines) -> Lines:
        """The lines, as long as they go."""
        lines = detections.geometry.to_numpy()
        group = self._groups(lines, labels=detections["label"].to_numpy())
        length = shapely.length(lines)
        x_min, y_min, x_max, y_max = shapely.bounds(lines).reshape(-1, 4).T
        order = np.lexsort([y_max, x_max, y_min, x_min, -length, group])
        first = order[np.unique(group[order], return_index=True)[1]]
        total = np.bincount(group, weights=length)
        scores = detections["score"].to_numpy(float)
        mean = np.bincount(group, weights=length * scores) / np.maximum(total, 1e-12)
        together = shapely.multilinestrings(lines[order], indices=group[order])
        alone = np.bincount(group) == 1
        merged = np.where(alone, lines[first], shapely.line_merge(together))
        # A class that is left as it was keeps its score to the last digit.
        score = np.where(alone, scores[first], np.minimum(mean, 1))
        found = detections.iloc[first].assign(score=score)
        return found.set_geometry(merged, crs=detections.crs)

    def _groups(self, lines: np.ndarray, *, labels: np.ndarray) -> np.ndarray:
        """Number of the joined line that each becomes a part of."""
        ends = find_ends(lines)
        line = np.tile(np.arange(len(lines)), 2)
        place = np.concatenate([ends.start, ends.stop])
        ways = np.concatenate(outward(lines))
        order = np.argsort(place, kind="stable")
        order = order[ends.degree[place[order]] == 2]
        one, two = order[::2], order[1::2]
        bend = np.rad2deg(np.arccos(np.clip(-np.sum(ways[one] * ways[two], axis=1), -1, 1)))
        one, two = line[one], line[two]
        joined = (bend <= self.max_turn_deg + 1e-6) & (one != two) & (labels[one] == labels[two])
        pairs = one[joined], two[joined]
        count = len(lines)
        graph = sparse.coo_matrix((np.ones(len(pairs[0]), bool), pairs), shape=(count, count))
        return np.asarray(connected_components(graph, directed=False)[1])
