"""Label Studio: one JSON file of tasks, out to annotators and back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np
from shapely import affinity
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawing, Drawings, attributes_of, in_pixels
from factory_core.sources.ids import ID_COLUMN, with_ids
from factory_core.sources.images import Image, ImageFolder, scene_id_of
from factory_core.sources.rectangles import as_rectangle
from factory_core.sources.renders import render
from factory_core.sources.shapes import Loss, plain, upright

FILE = "tasks.json"
SHAPES = ("rectanglelabels", "polygonlabels", "keypointlabels", "ellipselabels")
# Label Studio puts eight characters before the name of a file that was uploaded.
UPLOADED = re.compile(r"^[0-9a-f]{8}-")
KEYPOINT_PERCENT = 0.5
ELLIPSE_QUARTER_CORNERS = 16


@dataclass(frozen=True)
class LabelStudio:
    """Label Studio JSON: boxes, turned boxes, polygons, key points; attributes in `meta`.

    Each region carries the id of its label, by which a corrected label is known again. The
    export "JSON" and the short "JSON-MIN" are read; the short one has no ids. Ellipses are
    read as polygons. Of a task with several annotations the last is taken; a task without
    any has not been looked at, and its image is left out.

    Args:
        render: Write a folder, with the scenes as PNG beside the tasks; else one JSON file.
        prefix: What stands before the file names of the images in the tasks, as the storage
            of Label Studio asks: `/data/local-files/?d=images/`, say.
        from_name: Name of the control in the labelling configuration.
        to_name: Name of the image in the labelling configuration.
    """

    render: bool = False
    prefix: str = ""
    from_name: str = "label"
    to_name: str = "image"

    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "holes": Loss.FILLED,
        "several parts": Loss.SPLIT,
        "lines": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of one JSON file, or of `tasks.json` in a folder."""
        path = source / FILE if source.is_dir() else source
        tasks = texts.read_json(path)
        if not isinstance(tasks, list):
            raise LabelError(f"{path}: expected a list of tasks. Received: {str(tasks)[:60]!r}.")
        drawings = Drawings(images, ledger=ledger)
        for position, task in enumerate(tasks, start=1):
            stated = task.get("id") if isinstance(task, Mapping) else None
            name = f"task {position} of the list" if stated is None else f"task {stated}"
            with ledger.record(path, name):
                regions = self._regions(task, ledger)
                if regions is None:
                    ledger.lose("tasks without an annotation")
                    continue
                drawing = drawings.start(_image_name(task, self.to_name, images))
                seen: set[str] = set()
                for number, region in enumerate(regions, start=1):
                    with ledger.record(path, f"{name}, region {number}"):
                        _add(region, drawing, seen, ledger)
        return drawings.annotations()

    def _regions(self, task: object, ledger: Ledger) -> list[Any] | None:
        """The regions of the last annotation of a task; None where there is no annotation."""
        if not isinstance(task, Mapping):
            raise LabelError(f"a task must be an object. Received: {str(task)[:60]!r}.")
        if "data" not in task:  # JSON-MIN
            texts.field(task, self.to_name, str)
            stated = task.get(self.from_name)
            if stated is None:
                return [] if "annotation_id" in task else None
            return [
                {"value": each, **_of_short(each)}
                for each in texts.field(task, self.from_name, list)
            ]
        listed = texts.field(task, "annotations", list)
        results: dict[int, list[Any]] = {
            id(each): texts.field(each, "result", list) for each in listed
        }
        done = [each for each in listed if not each.get("was_cancelled")]
        if not done:
            return None
        ledger.lose("annotations of a task but the last", len(done) - 1)
        last = max(done, key=lambda each: (str(each.get("updated_at", "")), each.get("id") or 0))
        return results[id(last)]

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one JSON file, or a folder with the scenes as PNG beside it."""
        ledger.lose("labels without an image", sum(map(len, annotations.loose)))
        if self.render:
            (out / "images").mkdir(parents=True)
        tasks = []
        for number, (scene_id, image) in enumerate(sorted(annotations.images.items()), start=1):
            name = f"{scene_id}.png" if self.render else image.file_name
            regions: list[dict[str, Any]] = []
            if scene_id in annotations.labels:
                drawn = in_pixels(
                    annotations.labels[scene_id], image, cannot=self.cannot_carry, ledger=ledger
                )
                rows = with_ids(drawn, scene_id=scene_id).to_dict("records")
                regions = [self._region(row, image) for row in rows]
            tasks.append(
                {
                    "id": number,
                    "data": {self.to_name: f"{self.prefix}{name}"},
                    "annotations": [{"id": number, "result": regions}],
                }
            )
            if self.render:
                render(image, out / "images" / name)
        path = out / FILE if self.render else out
        path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def _region(self, row: Mapping[str, Any], image: Image) -> dict[str, Any]:
        height, width = image.grid.shape
        kind, value = _value(row["geometry"], np.array([100 / width, 100 / height]))
        attributes = attributes_of(row)
        score = plain(row.get("score"))
        return {
            "id": attributes.pop(ID_COLUMN),
            "type": kind,
            "from_name": self.from_name,
            "to_name": self.to_name,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {**value, kind: [str(row["label"])]},
            **({"meta": attributes} if attributes else {}),
            **({"score": score} if score is not None else {}),
        }


def _of_short(region: object) -> dict[str, Any]:
    """Type and size of a region of JSON-MIN, which keeps them beside its value."""
    if not isinstance(region, Mapping):
        raise LabelError(f"a region must be an object. Received: {str(region)[:60]!r}.")
    kind = next((name for name in region if name.endswith("labels")), "unknown")
    sizes = {key: region[key] for key in ("original_width", "original_height") if key in region}
    return {"type": kind, **sizes}


def _image_name(task: Mapping[str, Any], key: str, images: ImageFolder) -> str:
    """The name of the image in the path or address of a task."""
    data = texts.field(task, "data", Mapping) if "data" in task else task
    href = texts.field(data, key, str)
    parsed = urlparse(href)
    inside = parse_qs(parsed.query).get("d", [parsed.path])[0]
    if ".." in re.split(r"[/\\]", unquote(inside)):
        raise LabelError(f"{href!r} climbs out of its folder. Name the file alone.")
    name = re.split(r"[/\\]", unquote(inside))[-1]
    bare = UPLOADED.sub("", name)
    return bare if bare != name and scene_id_of(name) not in images.paths else name


def _add(region: object, drawing: Drawing, seen: set[str], ledger: Ledger) -> None:
    kind = texts.field(region, "type", str)
    assert isinstance(region, Mapping)  # noqa: S101 - texts.field has made sure
    if kind not in SHAPES:
        ledger.lose(f"regions of type {kind}")
        return
    height, width = drawing.shape
    stated = region.get("original_width", width), region.get("original_height", height)
    if stated != (width, height):
        raise LabelError(
            f"the image is {width} x {height} pixels, and the task says {stated[0]} x {stated[1]}: "
            "the labels are drawn on another size."
        )
    if region.get("image_rotation"):
        raise LabelError("the image was turned in Label Studio. Turn it back, and export again.")
    value = texts.field(region, "value", Mapping)
    names = texts.field(value, kind, list)
    if len(names) != 1 or not isinstance(names[0], str):
        raise LabelError(f"expected one class. Received: {names}.")
    attributes = dict(texts.field(region, "meta", Mapping)) if "meta" in region else {}
    if "id" in region:
        identity = texts.field(region, "id", str)
        if identity in seen:
            raise LabelError(f"the id {identity!r} stands twice. Each needs an id of its own.")
        seen.add(identity)
        attributes[ID_COLUMN] = identity
    if region.get("score") is not None:
        attributes["score"] = texts.number(region["score"], name="`score`")
    drawing.add(names[0], _geometry(kind, value, np.array([width, height]) / 100), attributes)


def _geometry(kind: str, value: Mapping[str, Any], scale_xy: np.ndarray) -> BaseGeometry:
    """A shape in pixels, from percent of the image."""

    def side(name: str, axis: int) -> float:
        return texts.number(value.get(name), name=f"`{name}`") * float(scale_xy[axis])

    if kind == "polygonlabels":
        corners = texts.field(value, "points", list)
        if len(corners) < 3 or not all(isinstance(c, list) and len(c) == 2 for c in corners):
            raise LabelError(
                f"a polygon needs three corners `[x, y]` at least. Received: {corners}."
            )
        percent = [[texts.number(each, name="`points`") for each in corner] for corner in corners]
        return Polygon(np.array(percent) * scale_xy)
    x, y = side("x", 0), side("y", 1)
    if kind == "keypointlabels":
        return Point(x, y)
    turn = texts.number(value.get("rotation", 0), name="`rotation`")
    if kind == "ellipselabels":
        circle = Point(x, y).buffer(1, quad_segs=ELLIPSE_QUARTER_CORNERS)
        ellipse = affinity.scale(circle, side("radiusX", 0), side("radiusY", 1))
        return affinity.rotate(ellipse, turn, origin=(x, y))
    box = upright(x, y, x + side("width", 0), y + side("height", 1))
    # Degrees clockwise on the screen, where y points down, around the upper left corner.
    return affinity.rotate(box, turn, origin=(x, y))


def _value(geometry: BaseGeometry, scale_xy: np.ndarray) -> tuple[str, dict[str, Any]]:
    """Type and value of a shape, in percent of the image."""
    if geometry.geom_type == "Point":
        x, y = np.array(geometry.coords[0]) * scale_xy
        return "keypointlabels", {"x": float(x), "y": float(y), "width": KEYPOINT_PERCENT}
    rectangle = as_rectangle(geometry)
    if rectangle is None:
        points = (np.array(geometry.exterior.coords[:-1]) * scale_xy).tolist()
        return "polygonlabels", {"points": points, "closed": True}
    x, y = np.array(rectangle.corner_xy) * scale_xy
    width, height = np.array(rectangle.size_wh) * scale_xy
    return "rectanglelabels", {
        "x": float(x),
        "y": float(y),
        "width": float(width),
        "height": float(height),
        "rotation": rectangle.turn_deg,
    }
