"""Points in a CSV table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from shapely.geometry import Point

from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import Loss
from factory_core.sources.tables import Columns, read_tables, write_table

DIGITS = 4


@dataclass(frozen=True)
class PointsCsv:
    """Points in a CSV table, one row a label, in pixels.

    Columns without a role are attributes. Only images that a row names are taken, or where
    `image` is empty those that have a table.

    Args:
        image: Column with the name of the image; empty where each image has its own table.
        label: Column with the class.
        class_name: Class of all labels, for tables without a column for it.
        x: Column of pixels to the right.
        y: Column of pixels down.
        offset_px: Added to both: 0.5 puts whole pixels at their centre.
    """

    image: str = "image_path"
    label: str = "label"
    class_name: str = ""
    x: str = "x"
    y: str = "y"
    offset_px: float = 0.0

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "boxes": Loss.CENTRE,
        "four corners": Loss.CENTRE,
        "polygons": Loss.CENTRE,
        "holes": Loss.CENTRE,
        "several parts": Loss.CENTRE,
        "lines": Loss.CENTRE,
        "images without labels": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of a table, or of every table of a folder."""
        return read_tables(
            source,
            self._columns(),
            shape_of=lambda xy: Point(xy[0] + self.offset_px, xy[1] + self.offset_px),
            images=images,
            ledger=ledger,
        )

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one table, or a folder of one table an image where `image` is empty."""
        write_table(
            annotations,
            out,
            self._columns(),
            numbers_of=lambda point: (point.x - self.offset_px, point.y - self.offset_px),
            cannot=self.cannot_carry,
            ledger=ledger,
            digits=DIGITS,
        )

    def _columns(self) -> Columns:
        return Columns(self.image, self.label, self.class_name, (self.x, self.y))
