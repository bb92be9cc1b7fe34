"""A window with its labels, as targets state it and augmentations change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Boxes:
    """Labelled boxes of one window.

    Attributes:
        xyxy_px: `(n, 4)` float32: x_min, y_min, x_max, y_max in pixels of the window.
        classes: `(n,)` int64: index into the names of the classes.
    """

    xyxy_px: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Sample:
    """One window for training.

    Attributes:
        image: `(height, width, band)` float32, pixels as processed, 0 where there is no data.
        labels: A mask `(height, width)` uint8 of 0 for background and class index + 1, or boxes.
    """

    image: np.ndarray
    labels: np.ndarray | Boxes


def stack_boxes(
    boxes: Sequence[tuple[float, float, float, float]], classes: Sequence[int]
) -> Boxes:
    """Boxes from plain numbers, none included."""
    return Boxes(
        np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(classes, np.int64).reshape(-1)
    )
