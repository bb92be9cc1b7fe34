"""Score map -> score map: scores that mean what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from factory_core.kernel.geo import ScoreMap


@dataclass(frozen=True)
class Temperature:
    """Divide the log-odds of every score by `temperature`; above 1 makes a model less sure.

    Guo et al. 2017, On Calibration of Modern Neural Networks (https://arxiv.org/abs/1706.04599),
    class by class, with one temperature for all; the order of scores stays, so nothing changes
    but what later thresholds mean. 0 and 1 stay 0 and 1. A table of 256 values: any size at once.

    Attributes:
        temperature: Above 0; found on validation.
    """

    temperature: float

    def __post_init__(self) -> None:
        if not 0 < self.temperature < np.inf:
            raise ValueError(f"`temperature` must be above 0. Received: {self.temperature}.")

    def __call__(self, score_map: ScoreMap) -> ScoreMap:
        """Calibrated score map."""
        scores = expit(logit(np.arange(256) / 255) / self.temperature)
        table = np.rint(scores * 255).astype(np.uint8)
        return replace(score_map, scores=table[score_map.scores])
