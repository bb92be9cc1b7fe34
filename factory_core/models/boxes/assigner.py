"""What training asks of each anchor: a label, nothing, or no opinion."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from factory_core.models.boxes.anchors import Anchors
from factory_core.models.boxes.rows import Rows
from factory_core.models.interface import Tensor

NOTHING = -1
NO_OPINION = -2


class Assigner(ABC):
    """Gives each anchor the label that it has to find, from their places alone."""

    @abstractmethod
    def __call__(self, xylwa: np.ndarray, anchors: Anchors) -> np.ndarray:
        """Number of the label of each anchor, `NOTHING` or `NO_OPINION`: `(row,)` int64.

        Args:
            xylwa: Labels `(n, 5)`, upright ones with angle 0.
            anchors: The anchors of the window.
        """


def best_of_each(
    row: np.ndarray, label: np.ndarray, preference: np.ndarray, *, rows: int
) -> np.ndarray:
    """The label of greatest preference of each row, `NOTHING` where a row has none.

    Of equals the first label in the list wins.

    Args:
        row: Row of each pair.
        label: Label of each pair.
        preference: Of the row for the label.
        rows: Number of all rows.
    """
    found = np.full(rows, NOTHING, np.int64)
    order = np.lexsort((-label, preference))  # the last writer wins
    found[row[order]] = label[order]
    return found


class PredictionAssigner(ABC):
    """Gives rows their labels by what they found, in every step of a training."""

    @abstractmethod
    def __call__(self, labels: Tensor, rows: Rows) -> Tensor:
        """What each row has to find, `(batch, row, 5)`: box and 1 + class, 0 for none.

        Args:
            labels: `(batch, label, 5)`: boxes in pixels and 1 + class, 0 where a window has
                no more labels.
            rows: What the network found.
        """
