"""What a target promises: the labels of a window in the form that a model learns from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.dataset.sample import Form, Labels


@dataclass(frozen=True)
class Outlines:
    """The labels around one window, in its pixels: x to the right, y down, from its first corner.

    Attributes:
        shapes: `(n,)` shapely geometries, whole: they may reach over the edge of the window.
        classes: `(n,)` int64: index into the names of the classes.
        shape: Height and width of the window in pixels.
        pixel_m: Side of a pixel in metres.
    """

    shapes: np.ndarray
    classes: np.ndarray
    shape: tuple[int, int]
    pixel_m: float

    def __len__(self) -> int:
        return len(self.classes)


class Target(ABC):
    """Draws the labels of a window.

    Attributes:
        form: What it gives: an array of pixels, or boxes.
        geometry_types: Kinds of geometries that it can draw.
    """

    form: ClassVar[Form]

    @property
    @abstractmethod
    def geometry_types(self) -> tuple[str, ...]:
        """Kinds of geometries that it can draw, as shapely names them."""

    @abstractmethod
    def __call__(self, labels: Outlines) -> Labels:
        """The labels drawn in the pixels of their window.

        Returns:
            By `form`: an array `(height, width)` or `(height, width, layer)` uint8, or boxes in
            the order of the labels.
        """

    @abstractmethod
    def sees(self, labels: Outlines) -> np.ndarray:
        """Which of the labels count as being in the window, `(n,)` bool."""
