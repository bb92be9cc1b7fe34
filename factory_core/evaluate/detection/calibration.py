"""Whether scores are probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Calibration(Metric):
    """Expected calibration error of detections (D-ECE): of those of a score of 0.8, 80 % are right.

    Detections are put into bins of equal width by their score; the error is the mean distance of
    a bin's precision from its mean score, weighted by its detections. Post-processing that
    drops low scores leaves those bins empty.

    Args:
        bins: Of the scores from 0 to 1.

    Source: Küppers et al., Multivariate Confidence Calibration for Object Detection (2020),
    equation 4, of the score alone; Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated
    Probabilities Using Bayesian Binning (2015).
    """

    bins: int = 10

    group: ClassVar = "In operation"
    gives: ClassVar = {
        "calibration_error": Quantity(
            "Calibration error",
            "distance of the scores from the shares of detections that are right",
            0.0,
        )
    }

    def __post_init__(self) -> None:
        """Refuse less than one bin."""
        check_at_least(1, bins=self.bins)

    def __call__(self, results: Results) -> Sums:
        """Sum up detections, right ones and scores in each bin."""
        level, detections = results.taxonomy.level, results.detections
        fine = results.detection_kind(level) != NONE
        right = (results.matched(level, results.iou)[0] != NONE)[fine]
        scores = detections.score[fine]
        bins = np.minimum(np.floor(scores * self.bins).astype(int), self.bins - 1)
        cells = detections.scene[fine] * self.bins + bins
        size = len(results.scenes) * self.bins
        columns = [
            np.bincount(cells, weights=weights, minlength=size).reshape(-1, self.bins)
            for weights in (np.ones(len(cells)), right.astype(float), scores)
        ]
        return Sums(np.concatenate(columns, axis=1), _numbers)


def _numbers(sums: np.ndarray) -> dict[str, Number]:
    count, right, score = np.split(sums, 3, axis=1)
    detections = count.sum(axis=1)
    return {
        "calibration_error": Number(
            ratio(np.abs(right - score).sum(axis=1), detections), detections
        )
    }
