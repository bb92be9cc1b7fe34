"""Weights of the members of an ensemble that fit the labels of validation best."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from scipy.optimize import minimize

from factory_core.dataset.sample import Boxes, OrientedBoxes

# Members that differ by less than noise are to count the same.
PULL_TO_EQUAL = 1e-3
IOU = 0.5


@dataclass
class Stacking:
    """Least squares of the labels on the scores of the members, window by window.

    For score maps, the weights whose mean score comes nearest to the labels (Brier score) at
    every pixel and class, none negative, adding up to 1 (Breiman 1996, "Stacked regressions").
    For boxes, each member's scores are scaled to how often its boxes are right: what overclaims
    counts less where boxes of several members compete.

    Args:
        members: Number of members.
    """

    members: int
    products: np.ndarray = field(init=False)
    hits: np.ndarray = field(init=False)
    truth: float = 0.0
    values: int = 0

    def __post_init__(self) -> None:
        self.products = np.zeros((self.members, self.members))
        self.hits = np.zeros(self.members)

    def add_map(self, maps: np.ndarray, mask: np.ndarray) -> None:
        """Take in one window.

        Args:
            maps: `(member, height, width, class)`, scores in [0, 1].
            mask: `(height, width)`, 0 for background and class index + 1.
        """
        wanted = mask[..., None] == np.arange(1, maps.shape[-1] + 1)
        flat = maps.reshape(self.members, -1).astype(np.float64)
        self.products += flat @ flat.T
        self.hits += flat @ wanted.ravel()
        self.truth += float(wanted.sum())
        self.values += wanted.size

    def add_boxes(
        self,
        member: int,
        boxes: Boxes | OrientedBoxes,
        scores: np.ndarray,
        labels: Boxes | OrientedBoxes,
    ) -> None:
        """Take in what a member finds in one window."""
        right = _hits(boxes, scores, labels)
        self.products[member, member] += float((scores.astype(np.float64) ** 2).sum())
        self.hits[member] += float(scores[right].sum())
        self.truth += float(right.sum())
        self.values += len(scores)

    def of_maps(self) -> np.ndarray:
        """Weights `(member,)` that add up to 1."""
        count = self.members
        pull = PULL_TO_EQUAL * max(float(np.trace(self.products)) / count, 1.0)
        square = self.products + pull * np.eye(count)
        linear = self.hits + pull / count
        scale = max(float(np.trace(square)), 1e-12)
        found = minimize(
            lambda w: (w @ square @ w - 2 * linear @ w) / scale,
            np.full(count, 1 / count),
            jac=lambda w: 2 * (square @ w - linear) / scale,
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            method="SLSQP",
            options={"ftol": 1e-12, "maxiter": 500},
        )
        weights = np.clip(found.x, 0, 1)
        return np.asarray(weights / weights.sum())

    def of_boxes(self) -> np.ndarray:
        """Weights `(member,)` that add up to 1; scores are scaled by them over the largest."""
        squares = np.diag(self.products)
        pull = PULL_TO_EQUAL * max(float(squares.mean()), 1.0)
        scale = (self.hits + pull) / (squares + pull)
        return np.asarray(scale / scale.sum())

    def error(self, weights: np.ndarray) -> float:
        """Brier score of score maps under `weights`: mean square difference from the labels."""
        square = weights @ self.products @ weights - 2 * self.hits @ weights + self.truth
        return float(square / max(self.values, 1))


def _hits(
    boxes: Boxes | OrientedBoxes, scores: np.ndarray, labels: Boxes | OrientedBoxes
) -> np.ndarray:
    """Which boxes, best first, are the first on a label of their class, by IoU of `IOU`."""
    found, wanted = _polygons(boxes), _polygons(labels)
    taken = np.zeros(len(wanted), bool)
    hits = np.zeros(len(found), bool)
    for index in np.argsort(-scores, kind="stable"):
        shared = shapely.area(shapely.intersection(found[index], wanted))
        iou = shared / np.maximum(shapely.area(found[index]) + shapely.area(wanted) - shared, 1e-9)
        iou[taken | (labels.classes != boxes.classes[index])] = 0
        if len(iou) and iou.max() >= IOU:
            taken[iou.argmax()] = hits[index] = True
    return hits


def _polygons(boxes: Boxes | OrientedBoxes) -> np.ndarray:
    if isinstance(boxes, OrientedBoxes):
        return np.asarray(shapely.polygons(boxes.corners_px()))
    return np.asarray(shapely.box(*boxes.xyxy_px.T))
