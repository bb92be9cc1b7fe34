"""xView: one GeoJSON file of boxes in pixels, for many images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import geopandas as gpd
from shapely.geometry import Polygon, mapping

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger, from_pixels
from factory_core.sources.drawing import Drawings, attributes_of, in_pixels
from factory_core.sources.formats.xview_classes import CLASSES
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss, plain, upright

OWN = ("bounds_imcoords", "type_id", "image_id")
FIRST_NEW_ID = 1000
LONGITUDE_LATITUDE = "EPSG:4326"


@dataclass(frozen=True)
class XView:
    """xView GeoJSON: boxes by `bounds_imcoords`, classes by the table of 60 names.

    Classes beyond the 60 are written with ids from 1000 on, and named in the member
    `class_names` of the file.
    """

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
        """Labels of one GeoJSON file."""
        content = texts.read_json(source)
        with Ledger().record(source, "the file as a whole"):
            records = texts.field(content, "features", list)
            further = (
                texts.field(content, "class_names", Mapping) if "class_names" in content else {}
            )
        names = {str(id_): name for id_, name in {**CLASSES, **further}.items()}
        drawings = Drawings(images, ledger=ledger)
        for number, record in enumerate(records, start=1):
            with ledger.record(source, f"feature {number}"):
                stated = texts.field(record, "properties", Mapping)
                type_id = texts.field(stated, "type_id", (int, str))
                if str(type_id) not in names:
                    raise LabelError(
                        f"`type_id` {type_id} is none of the {len(names)} classes. xView has "
                        "a few such labels (75 and 82): leave them out (`--keep-going`)."
                    )
                box = _box(texts.field(stated, "bounds_imcoords", str))
                drawing = drawings.on(texts.field(stated, "image_id", str))
                attributes = {name: value for name, value in stated.items() if name not in OWN}
                drawing.add(names[str(type_id)], box, attributes)
        return drawings.annotations()

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one GeoJSON file; each box in pixels, and in longitude and latitude."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        unlabelled = annotations.images.keys() - annotations.labels.keys()
        ledger.lose("images without labels", len(unlabelled))
        used = {str(label) for frame in annotations.labels.values() for label in frame["label"]}
        known = {name: id_ for id_, name in CLASSES.items()}
        new = sorted(used - known.keys())
        ids = known | {name: FIRST_NEW_ID + number for number, name in enumerate(new)}
        features = []
        for scene_id, frame in sorted(annotations.labels.items()):
            image = annotations.images[scene_id]
            drawn = in_pixels(frame, image, cannot=self.cannot_carry, ledger=ledger)
            features += list(_features(drawn, image, ids))
        content = {
            "type": "FeatureCollection",
            **({"class_names": {str(ids[name]): name for name in new}} if new else {}),
            "features": features,
        }
        out.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def _box(text: str) -> Polygon:
    values = text.split(",")
    if len(values) != 4:
        raise LabelError(
            f"`bounds_imcoords` must be `xmin,ymin,xmax,ymax` in pixels. Received: {text!r}."
        )
    x_min, y_min, x_max, y_max = (texts.number(value, name="`bounds_imcoords`") for value in values)
    return upright(x_min, y_min, x_max, y_max)


def _features(
    drawn: gpd.GeoDataFrame, image: Image, ids: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    there = from_pixels(drawn.geometry, grid=image.grid).to_crs(LONGITUDE_LATITUDE)
    for row, outline in zip(drawn.to_dict("records"), there, strict=True):
        score = plain(row.get("score"))
        yield {
            "type": "Feature",
            "properties": {
                "bounds_imcoords": ",".join(f"{side:.10g}" for side in row["geometry"].bounds),
                "type_id": ids[str(row["label"])],
                "image_id": image.file_name,
                **attributes_of(row),
                **({} if score is None else {"score": score}),
            },
            "geometry": mapping(outline),
        }
