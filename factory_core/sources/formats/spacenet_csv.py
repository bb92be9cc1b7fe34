"""SpaceNet CSV: a row a building or road, as WKT in pixels."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import shapely
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger, from_pixels
from factory_core.sources.drawing import Drawings, in_pixels
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss, check_sound, plain
from factory_core.sources.spacenet_names import find_image

COLUMNS = ("ImageId", "BuildingId", "PolygonWKT_Pix", "PolygonWKT_Geo", "Confidence", "label")
EMPTY = "POLYGON EMPTY"
LONGITUDE_LATITUDE = "EPSG:4326"


@dataclass(frozen=True)
class SpaceNetCsv:
    """SpaceNet CSV: `ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo`, or roads as `WKT_Pix`.

    An image without labels has one row with an empty shape. Scores stand in `Confidence`, and
    classes, which SpaceNet has not, in a last column `label`. Roads are only read.

    Args:
        default_label: Class of the rows without a `label`; empty: building, or road.
    """

    default_label: str = ""

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "attributes": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of one CSV file."""
        drawings = Drawings(images, ledger=ledger)
        seen: set[tuple[str, str]] = set()
        for line, row in texts.read_rows(source, columns=("ImageId",)):
            with ledger.record(source, f"line {line}"):
                column = next((name for name in ("PolygonWKT_Pix", "WKT_Pix") if name in row), None)
                if column is None:
                    raise LabelError(
                        "neither a column 'PolygonWKT_Pix' (buildings) nor 'WKT_Pix' (roads)."
                    )
                drawing = drawings.on(find_image(row["ImageId"], images).scene_id)
                geometry = _parse(row[column])
                if geometry.is_empty:
                    continue
                _check_new(row, seen)
                if not (there := _parse(row.get("PolygonWKT_Geo") or EMPTY)).is_empty:
                    check_sound(there)  # not taken: the pixels are what was drawn
                kind = "building" if column == "PolygonWKT_Pix" else "road"
                label = row.get("label") or self.default_label or kind
                score = row.get("Confidence") or None
                drawing.add(
                    label,
                    geometry,
                    {} if score is None else {"score": texts.number(score, name="`Confidence`")},
                )
        return drawings.annotations()

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one CSV file."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for scene_id, image in sorted(annotations.images.items()):
                rows = list(self._rows(annotations, image, ledger))
                writer.writerows(rows or [(scene_id, -1, EMPTY, EMPTY, "", "")])

    def _rows(
        self, annotations: Annotations, image: Image, ledger: Ledger
    ) -> Iterator[tuple[object, ...]]:
        if image.scene_id not in annotations.labels:
            return
        drawn = in_pixels(
            annotations.labels[image.scene_id], image, cannot=self.cannot_carry, ledger=ledger
        )
        there = from_pixels(drawn.geometry, grid=image.grid).to_crs(LONGITUDE_LATITUDE)
        for number, (row, outline) in enumerate(
            zip(drawn.to_dict("records"), there, strict=True), start=1
        ):
            pixels = shapely.to_wkt(row["geometry"], rounding_precision=4)
            degrees = shapely.to_wkt(outline, rounding_precision=9)
            score = plain(row.get("score"))
            yield (
                image.scene_id,
                number,
                pixels,
                degrees if image.has_place else EMPTY,
                "" if score is None else score,
                row["label"],
            )


def _parse(text: str) -> BaseGeometry:
    try:
        return shapely.force_2d(shapely.from_wkt(text))
    except GEOSException as error:
        raise LabelError(f"{text[:60]!r} is no WKT ({error}).") from error


def _check_new(row: Mapping[str, str], seen: set[tuple[str, str]]) -> None:
    if "BuildingId" in row:
        key = (row["ImageId"], row["BuildingId"])
        if key in seen:
            raise LabelError(f"the building {key[1]} of {key[0]!r} stands twice.")
        seen.add(key)
