"""Detections -> detections: overlapping ones lose score and are not dropped at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from factory_core.kernel.limits import check_within
from factory_core.kernel.overlaps import (
    Overlap,
    best_first,
    find_owners,
    find_pairs,
)
from factory_core.postprocess.kinds import Polygons

TOUCH = partial(find_pairs, overlap=Overlap("geometry"), above=0.0)


@dataclass(frozen=True)
class SoftNonMaximumSuppression:
    """Lower the scores of detections that overlap better ones, for objects that stand close.

    Bodla et al. 2017, Soft-NMS (https://arxiv.org/abs/1704.04503), the Gaussian form: in turn the
    best detection is kept, and those that overlap it by an intersection over union of o have their
    score multiplied by exp(-o² / sigma). Detections that no better one touches are taken together,
    which gives the same, for what does not touch does not count. Put no other suppression after it.

    Attributes:
        sigma: Above 0; smaller is harder.
        min_score: What falls below is dropped, in (0, 1].
        per_class: Whether only detections of the same class compete.
    """

    sigma: float
    min_score: float
    per_class: bool

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"`sigma` must be above 0. Received: {self.sigma}.")
        check_within(1e-6, 1, min_score=self.min_score)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections that are kept, with lower scores, in the order they came in."""
        geometries = detections.geometry.to_numpy()
        scores = detections["score"].to_numpy(float).copy()
        kept = [np.empty(0, int)]
        for rows in best_first(detections, per_class=self.per_class):
            found, lowered = self._decay(geometries[rows], scores[rows])
            scores[rows[found]] = lowered
            kept.append(rows[found])
        chosen = np.sort(np.concatenate(kept))
        return detections.iloc[chosen].assign(score=scores[chosen])

    def _decay(self, shapes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions that are kept, and their scores."""
        scores, left = scores.copy(), np.flatnonzero(scores >= self.min_score)
        kept = [np.empty(0, int)]
        while len(left):
            left = left[np.lexsort([left, -scores[left]])]
            # The kept of a hard suppression touch no other: few pairs, even on one spot.
            owner = find_owners(shapes[left], pairs=TOUCH)
            apart = np.flatnonzero(owner == np.arange(len(left)))
            other, one = TOUCH(shapes[left], shapes[left[apart]])
            beaten = one[other < apart[one]]
            best = np.ones(len(apart), bool)
            best[beaten] = False
            of_best = best[one] & (other != apart[one])
            pair = left[other[of_best]], left[apart[one[of_best]]]
            iou = Overlap("geometry")(shapes[pair[0]], shapes[pair[1]])
            np.multiply.at(scores, pair[0], np.exp(-(iou**2) / self.sigma))
            kept.append(left[apart[best]])
            left = np.setdiff1d(left, kept[-1])
            left = left[scores[left] >= self.min_score]
        found = np.concatenate(kept)
        return found, scores[found]
