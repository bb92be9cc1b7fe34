"""DOTA: a text file an image, four corners a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import geo
from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, attributes_of, drawn_on, label_files
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import Loss, ring

CORNERS = 8
DIGITS = 4


@dataclass(frozen=True)
class Dota:
    """DOTA: lines `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`, in pixels.

    The header `gsd:0.3` gives images that do not tell their place the size of their pixels,
    unless it is stated; `imagesource:` is counted as lost. A difficult label has the
    attribute `difficult`. Spaces in class names are written as `-`.

    hotcoco reads DOTA too, but as rectangles, not by their corners, and without the header.
    """

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "polygons": Loss.CORNERS,
        "holes": Loss.CORNERS,
        "several parts": Loss.CORNERS,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "scores": Loss.LEFT_OUT,
        "attributes": Loss.LEFT_OUT,
        "class names": Loss.RENAMED,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of every text file at or under `source`."""
        drawings = Drawings(images, ledger=ledger)
        for path in label_files(source, ending=".txt"):
            with ledger.record(path, "the file as a whole"):
                lines = list(enumerate(texts.read_text(path).splitlines(), start=1))
                header = dict(_header(lines))
                if header.get("imagesource", "null") != "null":
                    ledger.lose("image attributes")
                drawing = drawings.start(path.stem, resolution_m=_resolution(header))
                for number, line in lines:
                    if line.strip() and ":" not in line.split()[0]:
                        with ledger.record(path, f"line {number}"):
                            drawing.add(*_parse(line.split()))
        drawings.add_background()
        return drawings.annotations()

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write `<scene_id>.txt` for each image."""
        out.mkdir()
        drawn = drawn_on(
            annotations, cannot=self.cannot_carry, ledger=ledger, attributes=("difficult",)
        )
        for image, labels in drawn:
            lines = ["imagesource:null\n", f"gsd:{geo.resolution_m(image.grid):g}\n"]
            for row in labels.to_dict("records"):
                name = "-".join(str(row["label"]).split())
                ledger.lose("class names", int(name != row["label"]))
                corners = [
                    f"{value:.{DIGITS}f}" for value in np.ravel(four_corners(row["geometry"]))
                ]
                difficult = int(attributes_of(row).get("difficult", 0))
                lines.append(" ".join([*corners, name, str(difficult)]) + "\n")
            (out / f"{image.scene_id}.txt").write_text("".join(lines), encoding="utf-8")


def four_corners(shape: BaseGeometry) -> np.ndarray:
    """The corners of a shape that is a quadrilateral, or an upright box of more corners."""
    corners = np.array(shapely.get_parts(shape)[0].exterior.coords[:-1])
    return (
        corners if len(corners) == 4 else np.array(shapely.box(*shape.bounds).exterior.coords[:-1])
    )


def _header(lines: list[tuple[int, str]]) -> list[tuple[str, str]]:
    stated = [line.partition(":") for _, line in lines if ":" in (line.split() or [""])[0]]
    return [(key.strip().lower(), value.strip()) for key, _, value in stated]


def _resolution(header: Mapping[str, str]) -> float | None:
    stated = header.get("gsd", "null")
    if stated.lower() in ("null", "none", ""):
        return None
    resolution = texts.number(stated, name="`gsd`")
    if resolution <= 0:
        raise LabelError(f"`gsd` must be the side of a pixel in metres. Received: {stated}.")
    return resolution


def _parse(fields: list[str]) -> tuple[str, BaseGeometry, dict[str, Any]]:
    """Class, shape in pixels and attributes of one line."""
    if len(fields) not in (CORNERS + 1, CORNERS + 2):
        raise LabelError(
            "expected x and y of four corners, a class and whether it is difficult. Received: "
            f"{len(fields)} words."
        )
    shape = ring([texts.number(value, name="a coordinate") for value in fields[:CORNERS]])
    difficult = fields[CORNERS + 1] if len(fields) > CORNERS + 1 else "0"
    flag = texts.whole_number(difficult, name="`difficult`")
    return fields[CORNERS], shape, {"difficult": flag} if flag else {}
