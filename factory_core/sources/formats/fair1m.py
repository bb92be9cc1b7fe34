"""FAIR1M: an XML file an image, four corners an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, drawn_on, label_files
from factory_core.sources.formats.dota import four_corners
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss, plain, ring

DIGITS = 4
# What an image element may hold beside what is read.
KNOWN = ("source", "research", "size", "objects")


@dataclass(frozen=True)
class Fair1m:
    """FAIR1M: quadrilaterals in pixels, their class, and its probability as the score.

    Every image of the folder is taken; one without an XML file is background. Of several
    possible results the first is the class, the others are counted as lost. Where an image
    comes from (`<origin>`) is counted as lost.
    """

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "polygons": Loss.CORNERS,
        "holes": Loss.CORNERS,
        "several parts": Loss.CORNERS,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "attributes": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of every XML file at or under `source`."""
        drawings = Drawings(images, ledger=ledger)
        for path in label_files(source, ending=".xml"):
            if path.name.endswith(".aux.xml"):
                continue
            with ledger.record(path, "the file as a whole"):
                root = texts.read_xml(path, root="annotation")
                drawing = drawings.start(root.findtext("source/filename") or path.stem)
                texts.check_size(root, drawing.shape)
                ledger.lose("image attributes", len(root.findall("source/origin")))
                nodes = texts.element(root, "objects").findall("object")
                for number, node in enumerate(nodes, start=1):
                    with ledger.record(path, f"<object> {number}"):
                        drawing.add(*_parse(node))
                        results = node.findall("possibleresult")
                        ledger.lose("further possible results", len(results) - 1)
        drawings.add_background()
        return drawings.annotations()

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write `<scene_id>.xml` for each image."""
        out.mkdir()
        for image, labels in drawn_on(annotations, cannot=self.cannot_carry, ledger=ledger):
            root, objects = _image_element(image)
            for row in labels.to_dict("records"):
                node = SubElement(objects, "object")
                SubElement(node, "coordinate").text = "pixel"
                SubElement(node, "type").text = "rectangle"
                SubElement(node, "description").text = "None"
                result = SubElement(node, "possibleresult")
                SubElement(result, "name").text = str(row["label"])
                if (score := plain(row.get("score"))) is not None:
                    SubElement(result, "probability").text = f"{score:g}"
                points = SubElement(node, "points")
                corners = four_corners(row["geometry"])
                for x, y in (*corners, corners[0]):  # FAIR1M repeats the first
                    SubElement(points, "point").text = f"{x:.{DIGITS}f},{y:.{DIGITS}f}"
            indent(root)
            (out / f"{image.scene_id}.xml").write_bytes(tostring(root, encoding="utf-8"))


def _image_element(image: Image) -> tuple[Element, Element]:
    root = Element("annotation")
    SubElement(SubElement(root, "source"), "filename").text = image.file_name
    size = SubElement(root, "size")
    height, width = image.grid.shape
    SubElement(size, "width").text = str(width)
    SubElement(size, "height").text = str(height)
    return root, SubElement(root, "objects")


def _parse(node: Element) -> tuple[str | None, BaseGeometry, dict[str, Any]]:
    """Class, shape in pixels and score of one object."""
    stated = node.findtext("coordinate", "pixel").strip()
    if stated != "pixel":
        raise LabelError(f"<coordinate> must be pixel. Received: {stated!r}.")
    result = texts.first(node, "possibleresult")
    corners = []
    for point in texts.element(node, "points").findall("point"):
        pair = (point.text or "").split(",")
        if len(pair) != 2:
            raise LabelError(f"<point> must be `x,y`. Received: {point.text!r}.")
        corners += [texts.number(value, name="<point>") for value in pair]
    probability = result.findtext("probability")
    score = {} if probability is None else {"score": texts.number(probability, name="probability")}
    return texts.element(result, "name").text, ring(corners), score
