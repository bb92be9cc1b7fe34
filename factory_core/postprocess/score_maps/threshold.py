"""Score map -> score map: what is not sure enough is background."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.limits import check_within


@dataclass(frozen=True)
class Threshold:
    """Set scores below `min_score` to 0 and keep the others as they are.

    Attributes:
        min_score: Least score that is kept, in [0, 1].
    """

    min_score: float

    def __post_init__(self) -> None:
        check_within(0, 1, min_score=self.min_score)

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Score map with zeros where the score is too low."""
        least = math.ceil(self.min_score * 255 - 1e-9)
        # Four times as fast as to choose between two values, and an int as to compare with a float.
        return replace(score_map, scores=score_map.scores * (score_map.scores >= least))
