"""How overlapping windows of a score map are weighted against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Blend(Protocol):
    """Weight of the pixels along one side of a window; the other side has the same."""

    def __call__(self, size_px: int) -> np.ndarray:
        """Relative weights `(size_px,)`, above 0."""


@dataclass(frozen=True)
class Cosine:
    """Weights fall off to the edges of a window like a squared sine (a Hann window).

    A model sees least around the pixels at the edge of its window, so they count least.
    """

    def __call__(self, size_px: int) -> np.ndarray:
        """Relative weights `(size_px,)`, above 0."""
        return np.sin(np.pi * (np.arange(size_px) + 0.5) / size_px) ** 2


@dataclass(frozen=True)
class Uniform:
    """Every pixel of a window counts the same: the plain mean of the windows over a pixel."""

    def __call__(self, size_px: int) -> np.ndarray:
        """Relative weights `(size_px,)`, above 0."""
        return np.ones(size_px)
