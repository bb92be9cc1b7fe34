"""OGC Training Data Markup Language for AI: one JSON file of an Earth observation data set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import geopandas as gpd
import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger, from_pixels, to_pixels
from factory_core.sources.drawing import Drawings, attributes_of, in_pixels
from factory_core.sources.ground import from_geojson
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.rectangles import as_rectangle
from factory_core.sources.shapes import Loss, plain

DATASET, DATA, OBJECT = "AI_EOTrainingDataset", "AI_EOTrainingData", "AI_ObjectLabel"
TASK = "http://www.opengis.net/def/ai-task/eo/ObjectDetection"
LONGITUDE_LATITUDE = "EPSG:4326"


@dataclass(frozen=True)
class TrainingDml:
    """OGC TrainingDML-AI 1.0 (23-008r3), JSON: object labels with class, shape and confidence.

    Labels of scenes and of pixels (`AI_SceneLabel`, `AI_PixelLabel`) are counted, not read.

    Args:
        coordinates: Of the objects: in pixels, y down, as in the examples of the standard, or
            in degrees of longitude and latitude.
        name: Of the data set that is written.
        license: Of the data set that is written; the standard asks for one.
    """

    coordinates: Literal["pixels", "degrees"] = "pixels"
    name: str = "labels"
    license: str = "unknown"

    cannot_carry: ClassVar[Mapping[str, Loss]] = {"labels without an image": Loss.LEFT_OUT}

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of one JSON file; data without labels is background."""
        content = texts.read_json(source)
        with Ledger().record(source, "the file as a whole"):
            kind = texts.field(content, "type", str)
            if kind not in (DATASET, "AI_TrainingDataset"):
                raise LabelError(f"expected the type {DATASET}. Received: {kind!r}.")
            records = texts.field(content, "data", list)
        classes = _classes(content)
        drawings = Drawings(images, ledger=ledger)
        for position, record in enumerate(records, start=1):
            stated = record.get("id") if isinstance(record, Mapping) else None
            name = f"data {position} of the list" if stated is None else f"data {stated!r}"
            with ledger.record(source, name):
                urls = texts.field(record, "dataURL", list)
                if not urls or not isinstance(urls[0], str):
                    raise LabelError("`dataURL` names no image.")
                href = urls[0].rpartition("://")[2].partition("?")[0]
                drawing, image = drawings.start(href), images.find(href)
                for number, label in enumerate(texts.field(record, "labels", list), start=1):
                    with ledger.record(source, f"{name}, label {number}"):
                        if texts.field(label, "type", str) != OBJECT:
                            ledger.lose(f"labels of type {label['type']}")
                        elif label.get("isNegative"):
                            ledger.lose("negative labels")
                        else:
                            drawing.add(
                                _class(label, classes),
                                self._geometry(label, image),
                                _attributes(label),
                            )
        return drawings.annotations()

    def _geometry(self, label: Mapping[str, Any], image: Image) -> BaseGeometry:
        feature = texts.field(label, "object", Mapping)
        geometry = shapely.force_2d(from_geojson(texts.field(feature, "geometry", Mapping)))
        if self.coordinates == "pixels":
            return geometry
        there = gpd.GeoSeries([geometry], crs=LONGITUDE_LATITUDE).to_crs(str(image.grid.crs))
        (in_image,) = to_pixels(there.to_frame("geometry"), grid=image.grid)
        return in_image

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one JSON file."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        names = sorted(
            {str(label) for frame in annotations.labels.values() for label in frame["label"]}
        )
        data = [
            self._data(image, annotations.labels.get(scene_id), ledger)
            for scene_id, image in sorted(annotations.images.items())
        ]
        content = {
            "type": DATASET,
            "id": self.name,
            "name": self.name,
            "description": "Written by factory export.",
            "license": self.license,
            "providers": [],
            "version": "1.0",
            "amountOfTrainingData": len(data),
            "tasks": [{"type": "AI_EOTask", "id": "object-detection", "taskType": TASK}],
            "classes": [{"key": name, "value": number} for number, name in enumerate(names)],
            "numberOfClasses": len(names),
            "data": data,
        }
        out.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")

    def _data(
        self, image: Image, labels: gpd.GeoDataFrame | None, ledger: Ledger
    ) -> dict[str, Any]:
        written: list[dict[str, Any]] = []
        if labels is not None:
            drawn = in_pixels(labels, image, cannot=self.cannot_carry, ledger=ledger)
            shapes = drawn.geometry
            if self.coordinates == "degrees":
                shapes = from_pixels(shapes, grid=image.grid).to_crs(LONGITUDE_LATITUDE)
            written = list(_labels(drawn, shapes))
        return {
            "type": DATA,
            "id": image.scene_id,
            "dataURL": [image.file_name],
            "extent": list(image.grid.geographic_extent.geom.bounds) if image.has_place else [],
            "numberOfLabels": len(written),
            "labels": written,
        }


def _classes(content: Mapping[str, Any]) -> Mapping[str, str]:
    """The class of each value, for labels that name the value alone."""
    listed = content.get("classes") or []
    pairs = [(each.get("key"), each.get("value")) for each in listed if isinstance(each, Mapping)]
    return {str(value): str(key) for key, value in pairs if key is not None}


def _class(label: Mapping[str, Any], classes: Mapping[str, str]) -> str:
    stated = texts.field(label, "class", (str, int))
    if isinstance(stated, str) and (not classes or stated in classes.values()):
        return stated
    if str(stated) in classes:
        return classes[str(stated)]
    raise LabelError(f"the class {stated!r} is not among `classes`: {', '.join(classes.values())}.")


def _attributes(label: Mapping[str, Any]) -> dict[str, Any]:
    attributes = dict(label["object"].get("properties") or {})
    if "confidence" in label:
        attributes["score"] = texts.number(label["confidence"], name="`confidence`")
    return attributes


def _labels(drawn: gpd.GeoDataFrame, shapes: gpd.GeoSeries) -> Iterator[dict[str, Any]]:
    for row, shape in zip(drawn.to_dict("records"), shapes, strict=True):
        score = plain(row.get("score"))
        rectangle = as_rectangle(row["geometry"])
        turned = rectangle is not None and rectangle.turn_deg > 0
        box = {"bboxType": "Rotated BBox" if turned else "Horizontal BBox"} if rectangle else {}
        yield {
            "type": OBJECT,
            "class": str(row["label"]),
            "object": {
                "type": "Feature",
                "properties": attributes_of(row),
                "geometry": mapping(shape),
            },
            **box,
            **({} if score is None else {"confidence": score}),
        }
