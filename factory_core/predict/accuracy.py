"""What a change of a model costs in accuracy: its scores against those of the model it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely

from factory_core.kernel.geo import oriented_corners
from factory_core.kernel.overlaps import Overlap, find_pairs
from factory_core.predict.model import Ensemble

COUNTS_FROM = 0.1
FOUND_FROM = 0.5
SAME_IOU = 0.5


@dataclass(frozen=True)
class Loss:
    """How far the scores of two models differ, over pixels or boxes.

    A box of one is compared with the box of the same class that overlaps it by half and more in the
    other; where there is none, the other's score is 0.

    Attributes:
        mean: Mean absolute difference where either gives a score of 0.1 or more: what neither
            sees would water it down.
        max: Largest absolute difference.
        iou: Intersection over union of what each finds, with a score of 0.5 or more; None where
            neither finds anything.
        windows: Windows that were compared.
        compared: Pixels, or boxes, with a score of 0.1 or more.
    """

    mean: float
    max: float
    iou: float | None
    windows: int
    compared: int


def measure_loss(exact: Ensemble, changed: Ensemble, windows: Iterable[np.ndarray]) -> Loss:
    """Compare two ensembles of the same signature on windows `(side, side, band)`.

    Raises:
        ModelError: One gives NaN, or scores outside [0, 1].
    """
    total, count, worst, common, either, seen = 0.0, 0, 0.0, 0, 0, 0
    scores = _map_scores if exact.signature.task == "score_map" else _box_scores
    for window in windows:
        a, b = scores(exact, changed, window[None])
        difference = np.abs(a - b)
        counts = np.maximum(a, b) >= COUNTS_FROM
        total += float(difference[counts].sum(dtype=float))
        count += int(counts.sum())
        worst = max(worst, float(difference.max(initial=0)))
        common += int(((a >= FOUND_FROM) & (b >= FOUND_FROM)).sum())
        either += int(((a >= FOUND_FROM) | (b >= FOUND_FROM)).sum())
        seen += 1
    mean = total / count if count else 0.0
    return Loss(mean, worst, common / either if either else None, seen, count)


def _map_scores(
    exact: Ensemble, changed: Ensemble, image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return exact.score_maps(image), changed.score_maps(image)


def _box_scores(
    exact: Ensemble, changed: Ensemble, image: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of the boxes of either, paired one to one, the best of `exact` first."""
    (shapes, scores, classes), (others, other_scores, other_classes) = (
        _polygons(ensemble, image) for ensemble in (exact, changed)
    )
    pairs = partial(find_pairs, overlap=Overlap("geometry"), above=SAME_IOU)
    one, two = pairs(shapes, others)
    same = classes[one] == other_classes[two]
    one, two = one[same], two[same]
    iou = Overlap("geometry")(shapes[one], others[two])
    partner = np.full(len(shapes), -1)
    taken = np.zeros(len(others), bool)
    for pair in np.lexsort([-iou, one, -scores[one]]):
        if partner[one[pair]] < 0 and not taken[two[pair]]:
            partner[one[pair]], taken[two[pair]] = two[pair], True
    theirs = np.where(partner >= 0, np.append(other_scores, 0)[partner], 0)
    alone = other_scores[~taken]
    return np.concatenate([scores, np.zeros(len(alone))]), np.concatenate([theirs, alone])


def _polygons(ensemble: Ensemble, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    boxes, scores, classes = (found[0] for found in ensemble.boxes(image))
    if boxes.shape[1] == 4:
        return shapely.box(*boxes.T.astype(float)), scores, classes
    return shapely.polygons(oriented_corners(boxes)), scores, classes
