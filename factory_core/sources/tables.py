"""Labels in CSV tables, one row a label: what tables of boxes and of points share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import ConfigError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, attributes_of, drawn_on, label_files
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import Loss, plain


@dataclass(frozen=True)
class Columns:
    """Which column holds what.

    Attributes:
        image: Name of the image; empty takes the name of the table, one an image.
        label: Class; not read where `class_name` tells it.
        class_name: Class of all labels of tables that have no column for it.
        shape: Numbers that give the shape.
    """

    image: str
    label: str
    class_name: str
    shape: tuple[str, ...]

    def named(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        image = (self.image,) if self.image else ()
        label = () if self.class_name else (self.label,)
        columns = (*image, *label, *self.shape)
        if "" in columns or len(set(columns)) < len(columns):
            raise ConfigError(f"each column needs a name of its own. Received: {columns}.")
        return columns


def read_tables(
    source: Path,
    columns: Columns,
    *,
    shape_of: Callable[[Sequence[float]], BaseGeometry],
    images: ImageFolder,
    ledger: Ledger,
) -> Annotations:
    """Labels of every CSV file at or under `source`; columns without a role are attributes."""
    drawings = Drawings(images, ledger=ledger)
    named = columns.named()
    for path in label_files(source, ending=".csv"):
        with ledger.record(path, "the file as a whole"):
            whole = None if columns.image else drawings.start(path.stem)
            for line, row in texts.read_rows(path, columns=named):
                with ledger.record(path, f"line {line}"):
                    drawing = drawings.on(row[columns.image]) if whole is None else whole
                    numbers = [texts.number(row[name], name=f"`{name}`") for name in columns.shape]
                    label = columns.class_name or row[columns.label]
                    further = {key: typed(text) for key, text in row.items() if key not in named}
                    drawing.add(label, shape_of(numbers), further)
    return drawings.annotations()


def typed(text: str) -> Any:
    """A value of a table as what it looks like; None where it is empty."""
    for kind in (int, float):
        try:
            if str(kind(text)) == text:  # 007 is a name, not a number
                return kind(text)
        except ValueError:
            continue
    return text or None


def write_table(
    annotations: Annotations,
    out: Path,
    columns: Columns,
    *,
    numbers_of: Callable[[BaseGeometry], Iterable[float]],
    cannot: Mapping[str, Loss],
    ledger: Ledger,
    digits: int,
) -> None:
    """Write one CSV file, or one an image into a folder where no column tells the image.

    `class_name` is not read: a table that is written tells the class of each row.
    """
    if columns.class_name:
        raise ConfigError("`class_name` is for reading: what is written tells each class.")
    by_image: dict[str, list[dict[str, Any]]] = {}
    for image, labels in drawn_on(annotations, cannot=cannot, ledger=ledger):
        rows = by_image.setdefault(image.scene_id, [])
        for row in labels.to_dict("records"):
            numbers = [round(float(value), digits) for value in numbers_of(row["geometry"])]
            values: dict[str, Any] = {columns.image: image.file_name} if columns.image else {}
            values |= dict(zip(columns.shape, numbers, strict=True))
            score = plain(row.get("score"))
            further = attributes_of(row) | ({} if score is None else {"score": score})
            rows.append({**values, columns.label: row["label"], **further})
    if columns.image:
        _write(out, columns.named(), [row for rows in by_image.values() for row in rows])
        return
    out.mkdir()
    for scene_id, rows in by_image.items():
        _write(out / f"{scene_id}.csv", columns.named(), rows)


def _write(out: Path, named: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    header = dict.fromkeys([*named, *(name for row in rows for name in row)])
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(header), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
