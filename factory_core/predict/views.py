"""Test-time augmentation: a window seen mirrored and turned, and what is found turned back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """A window turned by quarters, then mirrored.

    Attributes:
        quarters: Quarter turns against the clock as one looks at the window, 0 to 3.
        mirrored: Whether left and right are then swapped.
    """

    quarters: int = 0
    mirrored: bool = False

    def of(self, images: np.ndarray) -> np.ndarray:
        """The images `(batch, side, side, band)` as this view sees them."""
        turned = np.rot90(images, self.quarters, axes=(1, 2))
        return np.ascontiguousarray(turned[:, :, ::-1] if self.mirrored else turned)

    def maps_back(self, maps: np.ndarray) -> np.ndarray:
        """Score maps `(batch, side, side, class)` of this view, laid over the window again."""
        unmirrored = maps[:, :, ::-1] if self.mirrored else maps
        return np.rot90(unmirrored, -self.quarters, axes=(1, 2))

    def boxes_back(self, boxes: np.ndarray, *, side_px: int) -> np.ndarray:
        """Boxes of this view in pixels of the window.

        Args:
            boxes: `(..., 4)` x_min, y_min, x_max, y_max, or `(..., 5)` x, y, length, width, angle.
            side_px: Side of the window.
        """
        boxes = boxes.astype(np.float64)
        if boxes.shape[-1] == 4:
            corners = boxes.reshape(*boxes.shape[:-1], 2, 2)
            x, y = self._points_back(corners[..., 0], corners[..., 1], side_px)
            return np.stack([x.min(-1), y.min(-1), x.max(-1), y.max(-1)], axis=-1)
        x, y, length, width, angle = np.moveaxis(boxes, -1, 0)
        x, y = self._points_back(x, y, side_px)
        angle = (-angle if self.mirrored else angle) + self.quarters * np.pi / 2
        angle = (angle + np.pi / 2) % np.pi - np.pi / 2
        return np.stack([x, y, length, width, angle], axis=-1)

    def _points_back(
        self, x: np.ndarray, y: np.ndarray, side_px: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.mirrored:
            x = side_px - x
        for _ in range(self.quarters):
            x, y = side_px - y, x
        return x, y


@dataclass(frozen=True)
class Views:
    """The views of each window whose score maps are averaged, and whose boxes are merged.

    Attributes:
        flips: Also swap left and right, and top and bottom: four times the work.
        quarter_turns: Also turn by each quarter: four times the work, with `flips` eight times.
    """

    flips: bool = False
    quarter_turns: bool = False

    def all(self) -> tuple[View, ...]:
        """Each view once, the plain one first."""
        if self.quarter_turns:
            turned = [View(quarters) for quarters in range(4)]
            mirrored = [View(quarters, mirrored=True) for quarters in range(4)]
            return (*turned, *(mirrored if self.flips else ()))
        if self.flips:
            return (View(), View(mirrored=True), View(2), View(2, mirrored=True))
        return (View(),)
