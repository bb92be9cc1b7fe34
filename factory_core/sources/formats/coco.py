"""COCO: one JSON file of images, categories and annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import geopandas as gpd
import numpy as np
import shapely
from hotcoco import mask
from rasterio import features
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawing, attributes_of, drawn_on
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss, plain, ring, upright

# What is read into its own place, or follows from the rest.
KNOWN_KEYS = ("id", "image_id", "category_id", "bbox", "segmentation", "area", "attributes")
DIGITS = 4


@dataclass(frozen=True)
class Coco:
    """COCO, one JSON file: boxes, polygons, run-length masks, crowds, scores, attributes.

    Masks become polygons along the edges of their pixels. Attributes are read from and
    written to the object `attributes` of an annotation, as CVAT does.

    hotcoco reads COCO too, but drops `attributes`, and does not say which annotation is
    bad; it only decodes the masks here.

    Args:
        outline: Take polygons and masks where an annotation has them; else its box.
    """

    outline: bool = True

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "holes": Loss.FILLED,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of one JSON file; an image that it lists without any is background."""
        content = texts.read_json(source)
        with Ledger().record(source, "the file as a whole"):
            stated = {
                key: texts.field(content, key, list)
                for key in ("images", "categories", "annotations")
            }
        found = dict(_found_images(stated["images"], source, images, ledger))
        classes = dict(_classes(stated["categories"], source, ledger))
        drawings = {number: Drawing(image, ledger=ledger) for number, image in found.items()}
        seen: set[object] = set()
        for position, record in enumerate(stated["annotations"], start=1):
            with ledger.record(source, _name("annotation", record, position)):
                _check_new(record, seen)
                drawing = _known(record, "image_id", drawings, "image")
                label = _known(record, "category_id", classes, "category")
                drawing.add(label, self._geometry(record, drawing.shape), _attributes(record))
        return Annotations(
            {image.scene_id: image for image in found.values()},
            {found[id_].scene_id: each.frame() for id_, each in drawings.items() if len(each)},
        )

    def _geometry(self, record: Mapping[str, Any], shape_px: tuple[int, int]) -> BaseGeometry:
        stated = record.get("segmentation")
        if not self.outline or not stated:
            sides = texts.field(record, "bbox", list)
            if len(sides) != 4:
                raise LabelError(f"`bbox` must be [x, y, width, height]. Received: {sides}.")
            x, y, width, height = (texts.number(side, name="`bbox`") for side in sides)
            return upright(x, y, x + width, y + height)
        if isinstance(stated, Mapping):
            return _decode(stated, shape_px)
        if not isinstance(stated, list) or not all(isinstance(part, list) for part in stated):
            raise LabelError("`segmentation` must be a list of rings, or a run-length mask.")
        rings = [
            ring([texts.number(value, name="`segmentation`") for value in part]) for part in stated
        ]
        # Rings of one annotation may overlap, which makes no valid geometry: COCO means their sum.
        if len(rings) == 1 or not all(part.is_valid for part in rings):
            return rings[0] if len(rings) == 1 else shapely.multipolygons(rings)
        return shapely.union_all(rings)

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one JSON file; images keep their file names, polygons get their box too."""
        names = sorted({name for rows in annotations.labels.values() for name in rows["label"]})
        classes = {name: number for number, name in enumerate(names, start=1)}
        images, records = [], []
        drawn = drawn_on(annotations, cannot=self.cannot_carry, ledger=ledger)
        for number, (image, labels) in enumerate(drawn, start=1):
            images.append(_image_record(number, image))
            records += list(_records(labels, number, classes))
        content = {
            "info": {"description": "Written by factory export."},
            "images": images,
            "annotations": [
                {"id": number, **record} for number, record in enumerate(records, start=1)
            ],
            "categories": [
                {"id": number, "name": name, "supercategory": name.rpartition("/")[0]}
                for name, number in classes.items()
            ],
        }
        out.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def _name(kind: str, record: object, position: int) -> str:
    stated = record.get("id") if isinstance(record, Mapping) else None
    return f"{kind} {position} of the list" if stated is None else f"{kind} {stated}"


def _found_images(
    records: list[Any], source: Path, images: ImageFolder, ledger: Ledger
) -> Iterator[tuple[object, Image]]:
    seen: set[object] = set()
    names: set[str] = set()
    for position, record in enumerate(records, start=1):
        with ledger.record(source, _name("image", record, position)):
            number = texts.field(record, "id", (int, str))
            _check_new(record, seen)
            image = images.find(texts.field(record, "file_name", str))
            if image.scene_id in names:
                raise LabelError(f"the image {image.scene_id!r} is listed twice. Merge the two.")
            names.add(image.scene_id)
            height, width = image.grid.shape
            stated = record.get("width", width), record.get("height", height)
            if stated != (width, height):
                raise LabelError(
                    f"{image.path} is {width} x {height} pixels, and the file says "
                    f"{stated[0]} x {stated[1]}: the labels are drawn on another size."
                )
            yield number, image


def _classes(records: list[Any], source: Path, ledger: Ledger) -> Iterator[tuple[object, str]]:
    seen: set[object] = set()
    for position, record in enumerate(records, start=1):
        with ledger.record(source, _name("category", record, position)):
            number = texts.field(record, "id", (int, str))
            _check_new(record, seen)
            yield number, texts.field(record, "name", str)


def _check_new(record: Any, seen: set[object]) -> None:
    number = record.get("id") if isinstance(record, Mapping) else None
    if number is not None and number in seen:
        raise LabelError(f"the id {number!r} stands twice. Each needs an id of its own.")
    seen.add(number)


def _known(record: Any, key: str, among: Mapping[object, Any], what: str) -> Any:
    number = texts.field(record, key, (int, str))
    if number not in among:
        raise LabelError(f"`{key}` names the {what} {number!r}, which is not in the file.")
    return among[number]


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    own = texts.field(record, "attributes", dict) if "attributes" in record else {}
    further = {key: value for key, value in record.items() if key not in KNOWN_KEYS}
    if not further.get("iscrowd"):
        further.pop("iscrowd", None)
    return {**own, **further}


def _decode(stated: Mapping[str, Any], shape_px: tuple[int, int]) -> BaseGeometry:
    """The pixels of a run-length mask as a polygon along their edges."""
    if texts.field(stated, "size", list) != list(shape_px):
        raise LabelError(
            f"the run-length mask has the size {stated['size']}, its image {list(shape_px)}."
        )
    counts = texts.field(stated, "counts", (list, str))
    try:
        if isinstance(counts, str):
            pixels = mask.decode({"size": list(shape_px), "counts": counts.encode()})
        else:
            pixels = _unfold(counts, shape_px)
    except (ValueError, TypeError) as error:
        raise LabelError(f"the run-length mask does not decode ({error}).") from error
    pixels = np.ascontiguousarray(pixels)
    parts = [shape(found) for found, _ in features.shapes(pixels, mask=pixels.astype(bool))]
    return shapely.union_all(parts)


def _unfold(counts: list[Any], shape_px: tuple[int, int]) -> np.ndarray:
    runs = np.array(counts, dtype=np.int64)
    if (runs < 0).any() or runs.sum() != shape_px[0] * shape_px[1]:
        raise ValueError(f"its runs are {runs.sum()} pixels long")
    pixels = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8)
    return pixels.reshape(shape_px, order="F")


def _image_record(number: int, image: Image) -> dict[str, Any]:
    height, width = image.grid.shape
    return {"id": number, "file_name": image.file_name, "width": width, "height": height}


def _records(
    drawn: gpd.GeoDataFrame, image_number: int, classes: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for row in drawn.to_dict("records"):
        geometry = row["geometry"]
        x_min, y_min, x_max, y_max = geometry.bounds
        attributes, parts = attributes_of(row), shapely.get_parts(geometry)
        record = {
            "image_id": image_number,
            "category_id": classes[row["label"]],
            "bbox": _rounded([x_min, y_min, x_max - x_min, y_max - y_min]),
            "area": round(geometry.area, DIGITS),
            "iscrowd": int(attributes.pop("iscrowd", 0)),
            "segmentation": [_rounded(np.ravel(part.exterior.coords[:-1])) for part in parts],
        }
        score = plain(row.get("score"))
        yield (
            record
            | ({} if score is None else {"score": score})
            | ({"attributes": attributes} if attributes else {})
        )


def _rounded(values: Any) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
