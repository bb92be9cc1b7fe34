"""Boxes in a CSV table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import Loss, upright
from factory_core.sources.tables import Columns, read_tables, write_table

DIGITS = 4


@dataclass(frozen=True)
class BoxesCsv:
    """Boxes in a CSV table, one row a label, in pixels; by default as DeepForest has them.

    Columns without a role are attributes. Only images that a row names are taken.

    Args:
        image: Column with the name of the image; empty where each image has its own table.
        label: Column with the class.
        class_name: Class of all labels, for tables without a column for it.
        corners: Columns of the left, upper, right and lower edge.
    """

    image: str = "image_path"
    label: str = "label"
    class_name: str = ""
    corners: tuple[str, str, str, str] = ("xmin", "ymin", "xmax", "ymax")

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "four corners": Loss.BOX,
        "polygons": Loss.BOX,
        "holes": Loss.BOX,
        "several parts": Loss.BOX,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "images without labels": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of a table, or of every table of a folder."""
        return read_tables(
            source,
            self._columns(),
            shape_of=lambda sides: upright(*sides),
            images=images,
            ledger=ledger,
        )

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one table, or a folder of one table an image where `image` is empty."""
        write_table(
            annotations,
            out,
            self._columns(),
            numbers_of=lambda shape: shape.bounds,
            cannot=self.cannot_carry,
            ledger=ledger,
            digits=DIGITS,
        )

    def _columns(self) -> Columns:
        return Columns(self.image, self.label, self.class_name, self.corners)
