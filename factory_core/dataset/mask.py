"""Labels as a mask of classes, for models that give score maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.dataset.pixels import LINES, POLYGONS, draw_numbers, sees_a_pixel, widen
from factory_core.dataset.sample import Form
from factory_core.dataset.target import Outlines, Target
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class Mask(Target):
    """Draw every label; where two overlap, the smaller one is seen.

    A label that is cut at the edge of the window is drawn as far as it goes.

    Args:
        line_width_m: Lines are drawn this wide, with round ends, and at least one pixel; 0
            refuses them. For lines alone there is the target `lines`.
    """

    form: ClassVar[Form] = "mask"

    line_width_m: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(0, line_width_m=self.line_width_m)

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """Polygons, and lines where a width is given."""
        return (*POLYGONS, *LINES) if self.line_width_m else POLYGONS

    def __call__(self, labels: Outlines) -> np.ndarray:
        """Mask `(height, width)` uint8: a pixel has the class of the label over its centre."""
        shapes = self._areas(labels)
        return draw_numbers(shapes, labels.classes + 1, shape=labels.shape, dtype="uint8")

    def sees(self, labels: Outlines) -> np.ndarray:
        """Those with at least the area of a pixel inside."""
        return sees_a_pixel(self._areas(labels), labels)

    def _areas(self, labels: Outlines) -> np.ndarray:
        return widen(labels.shapes, width_px=self.line_width_m / labels.pixel_m)
