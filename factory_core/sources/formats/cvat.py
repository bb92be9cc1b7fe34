"""CVAT for images 1.1: one XML file, out to annotators and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import geopandas as gpd
import numpy as np
import shapely
from rasterio import features
from shapely import affinity
from shapely.geometry import LineString, MultiPoint, Point, Polygon, shape
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, attributes_of, in_pixels
from factory_core.sources.ids import ID_COLUMN, with_ids
from factory_core.sources.images import ImageFolder
from factory_core.sources.rectangles import as_rectangle
from factory_core.sources.renders import render
from factory_core.sources.shapes import Loss, plain, upright

FILE = "annotations.xml"
DIGITS = 4
ELLIPSE_QUARTER_CORNERS = 16
# Types of CVAT's attributes, by which numbers come back as numbers.
NUMBER, TEXT, CHECKBOX = "number", "text", "checkbox"


@dataclass(frozen=True)
class Cvat:
    """CVAT for images 1.1: boxes, turned boxes, polygons, polylines, points, attributes.

    Each label carries an attribute `id`, by which a corrected label is known again. Masks and
    ellipses are read as polygons.

    Args:
        render: Write a folder, with the scenes as PNG beside the labels; else one XML file.
    """

    render: bool = False

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "holes": Loss.FILLED,
        "several parts": Loss.SPLIT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of one XML file, or of `annotations.xml` in a folder."""
        path = source / FILE if source.is_dir() else source
        root = texts.read_xml(path, root="annotations")
        kinds = _attribute_kinds(root)
        everywhere = {name: kind for each in kinds.values() for name, kind in each.items()}
        drawings = Drawings(images, ledger=ledger)
        for position, element in enumerate(root.iter("image"), start=1):
            with ledger.record(path, f"<image> {element.get('id', position)}"):
                drawing = drawings.start(_attribute(element, "name"))
                _check_size(element, drawing.shape)
                seen: set[str] = set()
                for number, label in enumerate(element, start=1):
                    with ledger.record(
                        path, f"image {element.get('name')!r}, <{label.tag}> {number}"
                    ):
                        geometry = _geometry(label, drawing.shape)
                        if geometry is None:
                            ledger.lose(f"<{label.tag}>")
                            continue
                        name = _attribute(label, "label")
                        attributes = dict(_attributes(label, kinds.get(name, everywhere)))
                        _drop_copied_id(attributes, seen, ledger)
                        drawing.add(name, geometry, attributes)
        if root.find("image") is None:
            raise LabelError(f"{path} holds no <image>.")
        return drawings.annotations()

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one XML file, or a folder with the scenes as PNG beside it."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        drawn = {
            scene_id: with_ids(
                in_pixels(
                    frame, annotations.images[scene_id], cannot=self.cannot_carry, ledger=ledger
                ),
                scene_id=scene_id,
            )
            for scene_id, frame in annotations.labels.items()
        }
        root = Element("annotations")
        SubElement(root, "version").text = "1.1"
        _write_meta(root, drawn)
        if self.render:
            (out / "images").mkdir(parents=True)
        for number, (scene_id, image) in enumerate(sorted(annotations.images.items())):
            height, width = image.grid.shape
            name = f"{scene_id}.png" if self.render else image.file_name
            element = SubElement(
                root, "image", id=str(number), name=name, width=str(width), height=str(height)
            )
            for row in drawn[scene_id].to_dict("records") if scene_id in drawn else ():
                _write_label(element, row)
            if self.render:
                render(image, out / "images" / name)
        indent(root)
        path = out / FILE if self.render else out
        ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _attribute(element: Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise LabelError(f"no attribute {name!r}. Its attributes: {', '.join(element.keys())}.")
    return value


def _attribute_kinds(root: Element) -> dict[str, dict[str, str]]:
    """The type of each attribute of each class, as the task states it."""
    return {
        label.findtext("name", ""): {
            each.findtext("name", ""): each.findtext("input_type", TEXT)
            for each in label.iter("attribute")
        }
        for label in root.iterfind("./meta//label")
    }


def _check_size(element: Element, shape_hw: tuple[int, int]) -> None:
    height, width = shape_hw
    stated = (element.get("width", str(width)), element.get("height", str(height)))
    if stated != (str(width), str(height)):
        raise LabelError(
            f"the image is {width} x {height} pixels, and the file says {stated[0]} x {stated[1]}: "
            "the labels are drawn on another size."
        )


def _drop_copied_id(attributes: dict[str, Any], seen: set[str], ledger: Ledger) -> None:
    """CVAT copies the attributes with a label: only the first of an id is the one that went out."""
    stated = str(attributes.get(ID_COLUMN, ""))
    if stated in seen:
        del attributes[ID_COLUMN]
        ledger.lose("ids of labels that were copied in CVAT")
    elif stated:
        seen.add(stated)


def _geometry(element: Element, shape_hw: tuple[int, int]) -> BaseGeometry | None:
    """The shape of a label in pixels; None for what is no shape on the image."""

    def side(name: str) -> float:
        return texts.number(_attribute(element, name), name=f"`{name}`")

    if element.tag == "box":
        box = upright(side("xtl"), side("ytl"), side("xbr"), side("ybr"))
        # Degrees clockwise on the screen, where y points down, around the centre.
        return affinity.rotate(box, texts.number(element.get("rotation", "0"), name="`rotation`"))
    if element.tag == "polygon":
        corners = _points(element)
        if len(corners) < 3:
            raise LabelError(f"a polygon needs three corners at least. Received: {len(corners)}.")
        return Polygon(corners)
    if element.tag == "polyline":
        corners = _points(element)
        if len(corners) < 2:
            raise LabelError(f"a line needs two corners at least. Received: {len(corners)}.")
        return LineString(corners)
    if element.tag == "points":
        corners = _points(element)
        return Point(corners[0]) if len(corners) == 1 else MultiPoint(corners)
    if element.tag == "ellipse":
        circle = Point(side("cx"), side("cy")).buffer(1, quad_segs=ELLIPSE_QUARTER_CORNERS)
        ellipse = affinity.scale(circle, side("rx"), side("ry"))
        return affinity.rotate(
            ellipse, texts.number(element.get("rotation", "0"), name="`rotation`")
        )
    if element.tag == "mask":
        return _decode(element, shape_hw)
    return None


def _points(element: Element) -> list[tuple[float, float]]:
    corners = []
    for pair in _attribute(element, "points").split(";"):
        values = pair.split(",")
        if len(values) != 2:
            raise LabelError(f"`points` must be `x,y;x,y;...`. Received: {pair!r}.")
        x, y = (texts.number(value, name="`points`") for value in values)
        corners.append((x, y))
    return corners


def _decode(element: Element, shape_hw: tuple[int, int]) -> BaseGeometry:
    """A mask as a polygon along the edges of its pixels."""
    sides = ("left", "top", "width", "height")
    values = [texts.number(_attribute(element, name), name=f"`{name}`") for name in sides]
    left, top, width, height = map(int, values)
    if not (0 < width <= shape_hw[1] and 0 < height <= shape_hw[0]):
        raise LabelError(f"the mask of {width} x {height} pixels is larger than its image.")
    runs = [int(texts.number(run, name="`rle`")) for run in _attribute(element, "rle").split(",")]
    if min(runs) < 0 or sum(runs) != width * height:
        raise LabelError(f"`rle` tells of {sum(runs)} pixels, not of {width} x {height}.")
    pixels = np.repeat(np.arange(len(runs)) % 2, runs).astype(np.uint8).reshape(height, width)
    parts = [shape(found) for found, _ in features.shapes(pixels, mask=pixels.astype(bool))]
    return affinity.translate(shapely.union_all(parts), left, top)


def _attributes(element: Element, kinds: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for each in element.iterfind("attribute"):
        name, text = _attribute(each, "name"), each.text or ""
        if text == "":
            continue
        kind = kinds.get(name, TEXT)
        if kind == NUMBER:
            yield name, json.loads(text) if text.isdigit() else texts.number(text, name=name)
        else:
            yield name, text == "true" if kind == CHECKBOX else text


def _write_meta(root: Element, drawn: Mapping[str, gpd.GeoDataFrame]) -> None:
    """The classes and their attributes, from which CVAT makes its task."""
    kinds: dict[str, dict[str, str]] = {}
    for frame in drawn.values():
        for row in frame.to_dict("records"):
            known = kinds.setdefault(str(row["label"]), {})
            for name, value in _written(row):
                kind = _kind(value)
                known[name] = kind if known.get(name, kind) == kind else TEXT
    labels = SubElement(SubElement(SubElement(root, "meta"), "task"), "labels")
    for label, attributes in sorted(kinds.items()):
        element = SubElement(labels, "label")
        SubElement(element, "name").text = label
        listed = SubElement(element, "attributes")
        for name, kind in sorted(attributes.items()):
            each = SubElement(listed, "attribute")
            SubElement(each, "name").text = name
            SubElement(each, "mutable").text = "False"
            SubElement(each, "input_type").text = kind
            SubElement(each, "default_value")
            SubElement(each, "values")


def _written(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from attributes_of(row).items()
    score = plain(row.get("score"))
    if score is not None:
        yield "score", score


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return CHECKBOX
    return NUMBER if isinstance(value, (int, float)) else TEXT


def _write_label(image: Element, row: Mapping[str, Any]) -> None:
    geometry = row["geometry"]
    common = {"label": str(row["label"]), "source": "manual", "occluded": "0", "z_order": "0"}
    rectangle = as_rectangle(geometry)
    if rectangle is not None:
        (x, y), (width, height), angle = rectangle.centre_xy, rectangle.size_wh, rectangle.turn_deg
        corners = {
            "xtl": x - width / 2,
            "ytl": y - height / 2,
            "xbr": x + width / 2,
            "ybr": y + height / 2,
        }
        sides = {name: f"{value:.{DIGITS}f}" for name, value in corners.items()}
        rotation = {"rotation": f"{angle:.7f}"} if angle else {}
        element = SubElement(image, "box", common | sides | rotation)
    else:
        tag = {"Point": "points", "LineString": "polyline"}.get(geometry.geom_type, "polygon")
        ring = geometry.exterior.coords[:-1] if tag == "polygon" else geometry.coords
        points = ";".join(f"{x:.{DIGITS}f},{y:.{DIGITS}f}" for x, y in ring)
        element = SubElement(image, tag, common | {"points": points})
    for name, value in _written(row):
        each = SubElement(element, "attribute", name=name)
        each.text = str(value).lower() if isinstance(value, bool) else str(value)
