"""What losses of boxes are made of: one part compares classes, one compares boxes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from factory_core.models.interface import Tensor


class ClassLoss(ABC):
    """Compares the classes that rows found with those they should."""

    @abstractmethod
    def __call__(self, truth: Tensor, logits: Tensor, *, quality: Tensor) -> Tensor:
        """Loss of each row, `(batch, row)`, the sum over its classes.

        Args:
            truth: `(batch, row, class)`: 1 for the class of the row, else 0.
            logits: Of the same shape.
            quality: `(batch, row, 1)` in [0, 1]: how well the box of the row is found.
        """


class BoxLoss(ABC):
    """Compares boxes, each with its partner."""

    @abstractmethod
    def __call__(self, truth: Tensor, found: Tensor) -> Tensor:
        """Loss of each pair, `(batch, row)`, 0 for equal ones."""

    @abstractmethod
    def quality(self, truth: Tensor, found: Tensor) -> Tensor:
        """How well boxes are found, `(batch, row)` in [0, 1]."""


class UprightBoxLoss(BoxLoss):
    """Compares `x_min, y_min, x_max, y_max` in pixels."""


class OrientedBoxLoss(BoxLoss):
    """Compares oriented boxes as `Moments` in pixels: `x, y, xx, yy, xy`."""
