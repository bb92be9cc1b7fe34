"""What the augmentations that mix in other windows share: cutting labels out and joining them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from affine import Affine

from factory_core.dataset.sample import Boxes, Labels, OrientedBoxes


@dataclass(frozen=True)
class Rectangle:
    """A part of a window in whole pixels.

    Attributes:
        top: First row.
        left: First column.
        height: Number of rows.
        width: Number of columns.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    @property
    def outline(self) -> shapely.Polygon:
        """Its edge, x to the right and y down."""
        return shapely.box(self.left, self.top, self.left + self.width, self.top + self.height)


def moved_part(
    boxes: Boxes | OrientedBoxes, *, source: Rectangle, target: Rectangle, min_share_inside: float
) -> Boxes | OrientedBoxes:
    """The boxes in `source`, cut there, as they lie once it is moved to `target`."""
    shift = Affine.translation(target.left - source.left, target.top - source.top)
    return boxes.within(source.outline, min_share_inside=min_share_inside).moved(shift)


def join(pieces: Sequence[Labels]) -> Boxes | OrientedBoxes:
    """Boxes of one kind, one piece after the other."""
    first, *others = pieces
    for other in others:
        first = first.and_also(other)  # type: ignore[union-attr, arg-type]
    return first  # type: ignore[return-value]
