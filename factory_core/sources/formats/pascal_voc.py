"""Pascal VOC: an XML file an image, with upright boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from shapely.geometry.base import BaseGeometry

from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, attributes_of, drawn_on, label_files
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss, upright

FLAGS = ("difficult", "truncated", "occluded")
KNOWN = (*FLAGS, "name", "pose", "bndbox")
DIGITS = 4


@dataclass(frozen=True)
class PascalVoc:
    """Pascal VOC: upright boxes, with `difficult`, `truncated`, `occluded` and `pose`.

    The original counts pixels from 1 and includes the last: a box covers the edges from
    `xmin - 1` to `xmax`. Every image of the folder is taken; one without an XML file is
    background. Parts of objects and further elements are counted as lost.

    hotcoco reads Pascal VOC too, but only under `Annotations/`, and drops all but the boxes.

    Args:
        one_based: Pixels count from 1; if not, `xmin` to `xmax` are edges from 0.
    """

    one_based: bool = True

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "four corners": Loss.BOX,
        "polygons": Loss.BOX,
        "holes": Loss.BOX,
        "several parts": Loss.BOX,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "scores": Loss.LEFT_OUT,
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
                drawing = drawings.start(root.findtext("filename") or path.stem)
                texts.check_size(root, drawing.shape)
                for number, node in enumerate(root.iter("object"), start=1):
                    with ledger.record(path, f"<object> {number}"):
                        ledger.lose("further elements", sum(each.tag not in KNOWN for each in node))
                        name = texts.element(node, "name").text
                        drawing.add(name, self._box(node), _attributes(node))
        drawings.add_background()
        return drawings.annotations()

    def _box(self, node: Element) -> BaseGeometry:
        box = texts.element(node, "bndbox")
        x_min, y_min, x_max, y_max = (
            texts.number(texts.element(box, side).text, name=f"<{side}>")
            for side in ("xmin", "ymin", "xmax", "ymax")
        )
        first = int(self.one_based)
        return upright(x_min - first, y_min - first, x_max, y_max)

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write `<scene_id>.xml` for each image."""
        out.mkdir()
        own = (*FLAGS, "pose")
        for image, labels in drawn_on(
            annotations, cannot=self.cannot_carry, ledger=ledger, attributes=own
        ):
            root = _image_element(image)
            for row in labels.to_dict("records"):
                attributes = attributes_of(row)
                node = SubElement(root, "object")
                SubElement(node, "name").text = str(row["label"])
                SubElement(node, "pose").text = str(attributes.get("pose", "Unspecified"))
                for flag in FLAGS:
                    SubElement(node, flag).text = str(int(attributes.get(flag, 0)))
                box = SubElement(node, "bndbox")
                x_min, y_min, x_max, y_max = row["geometry"].bounds
                first = int(self.one_based)
                sides = {"xmin": x_min + first, "ymin": y_min + first, "xmax": x_max, "ymax": y_max}
                for side, value in sides.items():
                    SubElement(box, side).text = f"{round(value, DIGITS):.12g}"
            indent(root)
            (out / f"{image.scene_id}.xml").write_bytes(tostring(root, encoding="utf-8"))


def _image_element(image: Image) -> Element:
    root = Element("annotation")
    SubElement(root, "filename").text = image.file_name
    size = SubElement(root, "size")
    height, width = image.grid.shape
    SubElement(size, "width").text = str(width)
    SubElement(size, "height").text = str(height)
    return root


def _attributes(node: Element) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for flag in FLAGS:
        value = int(texts.number(node.findtext(flag) or "0", name=f"<{flag}>"))
        attributes |= {flag: value} if value else {}
    pose = node.findtext("pose")
    return attributes if pose in (None, "", "Unspecified") else {**attributes, "pose": pose}
