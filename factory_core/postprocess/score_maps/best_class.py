"""Score map -> score map: one class a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.score_maps.bands import strips


@dataclass(frozen=True)
class BestClass:
    """Keep at each pixel the score of its best class, the first of equals, and set the others to 0.

    Outlines of different classes then never overlap. Pixel by pixel, in strips.
    """

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map with at most one class above 0 at a pixel."""
        scores = np.zeros_like(score_map.scores)
        for rows in strips(scores.shape[1]):
            best = score_map.scores[:, rows].argmax(axis=0)[None]
            values = np.take_along_axis(score_map.scores[:, rows], best, axis=0)
            np.put_along_axis(scores[:, rows], best, values, axis=0)
        return replace(score_map, scores=scores)
