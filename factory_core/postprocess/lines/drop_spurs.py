"""Detections -> detections: drop short side branches of lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from factory_core.kernel.limits import check_at_least
from factory_core.postprocess.kinds import Lines
from factory_core.postprocess.lines.ends import find_ends


@dataclass(frozen=True)
class DropSpurs:
    """Drop lines shorter than `min_length_m` that hang loose on a junction of three or more.

    The hairs of a skeleton. Where all lines of a junction are such, the longest stays. Put
    `merge_collinear` behind it, for the junction is often none any more.

    Attributes:
        min_length_m: Least length of a side branch that is kept.
    """

    min_length_m: float

    def __post_init__(self) -> None:
        check_at_least(0, min_length_m=self.min_length_m)

    def __call__(self, detections: Lines) -> Lines:
        """The lines without short side branches."""
        lines = detections.geometry.to_numpy()
        ends = find_ends(lines)
        loose = ends.degree[ends.start] == 1, ends.degree[ends.stop] == 1
        junction = np.where(loose[0], ends.stop, ends.start)
        spur = (loose[0] != loose[1]) & (ends.degree[junction] >= 3)
        length = shapely.length(lines)
        spur &= length < self.min_length_m
        spurs = np.bincount(junction[spur], minlength=len(ends.places))
        bare = spur & (spurs == ends.degree)[junction]
        far = ends.places[np.where(loose[0], ends.start, ends.stop)]
        order = np.flatnonzero(bare)
        order = order[np.lexsort([*far[order].T, -length[order], junction[order]])]
        _, first = np.unique(junction[order], return_index=True)
        spur[order[first]] = False
        return detections[~spur]
