"""Windows of one scene and the labels that meet each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from factory_core.dataset.target import Outlines


@dataclass(frozen=True)
class Cut:
    """Where to cut a scene, and what to draw; it travels to the process that does it.

    Attributes:
        path: The processed scene.
        corners_px: `(n, 2)` row and column of the first pixel of each window.
        size_px: Side of a window.
        shapes: `(m,)` shapely geometries of the labels, in pixels of the scene.
        classes: `(m,)` index of the class of each label.
        pairs: `(k, 2)` number of a window and of a label that meets it, by window, then label.
        pixel_m: Side of a pixel in metres.
    """

    path: Path
    corners_px: np.ndarray
    size_px: int
    shapes: np.ndarray
    classes: np.ndarray
    pairs: np.ndarray
    pixel_m: float

    def __len__(self) -> int:
        return len(self.corners_px)

    def labels_of(self, windows: range) -> Outlines:
        """The labels that meet a window, or some that stand side by side, in pixels from there."""
        start, stop = np.searchsorted(self.pairs[:, 0], (windows.start, windows.stop))
        met = self.pairs[start:stop, 1]
        if len(windows) > 1:
            met = np.unique(met)
        shapes = self.shapes[met]
        if len(met):
            corner_xy = self.corners_px[windows.start, ::-1]
            shapes = shapely.transform(shapes, lambda points: points - corner_xy)
        return Outlines(shapes, self.classes[met], self.shape_of(windows), self.pixel_m)

    def shape_of(self, windows: range) -> tuple[int, int]:
        """Height and width in pixels of a window, or of some that stand side by side."""
        first, last = self.corners_px[windows.start, 1], self.corners_px[windows.stop - 1, 1]
        return self.size_px, int(last - first) + self.size_px

    def take(self, windows: np.ndarray) -> Cut:
        """Some of the windows, by rising number, and no more labels than those need."""
        pairs = self.pairs[np.isin(self.pairs[:, 0], windows)]
        met, label = np.unique(pairs[:, 1], return_inverse=True)
        return Cut(
            self.path,
            self.corners_px[windows],
            self.size_px,
            self.shapes[met],
            self.classes[met],
            np.stack([np.searchsorted(windows, pairs[:, 0]), label], axis=1),
            self.pixel_m,
        )
