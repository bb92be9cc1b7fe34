"""Lines as a mask of classes: roads, rivers, runway markings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from factory_core.dataset.pixels import LINES, draw_numbers, sees_a_pixel, widen
from factory_core.dataset.sample import Form
from factory_core.dataset.target import Outlines, Target
from factory_core.kernel.limits import check_above


@dataclass(frozen=True)
class Lines(Target):
    """Draw lines with a width on the ground, at least one pixel.

    A line that is cut at the edge of the window goes on up to the edge: its cap lies where the
    line itself ends. Where two of different classes cross, the smaller one is seen.

    Args:
        width_m: Width in metres.
        cap: Ends of a line: `round` reaches half a width beyond its last point, `flat` ends there.
    """

    form: ClassVar[Form] = "mask"

    width_m: float = 6.0
    cap: Literal["round", "flat"] = "round"

    def __post_init__(self) -> None:
        check_above(0, width_m=self.width_m)

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Lines alone."""
        return LINES

    def __call__(self, labels: Outlines) -> np.ndarray:
        """Mask `(height, width)` uint8: a pixel has the class of the line over its centre."""
        shapes = self._areas(labels)
        return draw_numbers(shapes, labels.classes + 1, shape=labels.shape, dtype="uint8")

    def sees(self, labels: Outlines) -> np.ndarray:
        """Those with at least the area of a pixel inside."""
        return sees_a_pixel(self._areas(labels), labels)

    def _areas(self, labels: Outlines) -> np.ndarray:
        return widen(labels.shapes, width_px=self.width_m / labels.pixel_m, cap=self.cap)
