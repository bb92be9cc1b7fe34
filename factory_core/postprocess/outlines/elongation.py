"""Detections -> detections: drop what is too long or not long enough for its width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.limits import check_at_least
from factory_core.kernel.rectangles import rectangles_around
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class Elongation:
    """Keep polygons whose length is `min_ratio` to `max_ratio` times their width.

    Both are sides of the rectangle of the smallest area around the polygon: 1 is a square.

    Attributes:
        min_ratio: At least 1.
        max_ratio: At least `min_ratio`.
    """

    min_ratio: float
    max_ratio: float

    def __post_init__(self) -> None:
        check_at_least(1, min_ratio=self.min_ratio)
        check_at_least(self.min_ratio, max_ratio=self.max_ratio)

    def __call__(self, detections: Polygons) -> Polygons:
        """The detections of the right shape."""
        boxes = rectangles_around(detections.geometry.to_numpy())
        ratio = boxes.length / np.maximum(boxes.width, 1e-9)
        return detections[(ratio >= self.min_ratio) & (ratio <= self.max_ratio)]
