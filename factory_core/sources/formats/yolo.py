"""YOLO: a text file an image, in shares of its sides, and a list of classes."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import shapely
import yaml
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.drawing import Drawings, drawn_on, label_files
from factory_core.sources.images import ImageFolder
from factory_core.sources.shapes import Loss, ring, upright

DATA = "data.yaml"
LISTS = ("classes.txt", "classes.names", "obj.names", "predefined_classes.txt")
# Beyond this share of a side, a coordinate is one in pixels.
MAX_SHARE = 2.0
DIGITS = 9


@dataclass(frozen=True)
class Yolo:
    """YOLO: boxes `class x y width height`, in shares of the sides of the image.

    Reads lines of outlines (`class x1 y1 x2 y2 ...`, also rotated boxes by their corners)
    too. Every image of the folder is taken; one without a text
    file is background. Classes are those of `data.yaml`, `classes.txt`, `classes.names` or
    `obj.names`. Written are `labels/` and `data.yaml`.

    hotcoco reads YOLO too, but no outlines, no `classes.names`, and no file beside its image.

    Args:
        classes: Names of the classes, where no file tells them.
        confidence: Lines of boxes end in one, as those of predictions do.
    """

    classes: tuple[str, ...] = ()
    confidence: bool = False

    expected: ClassVar[str] = "`x y width height`, or x and y of at least three corners"
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
        """Labels of every text file at or under `source`."""
        drawings = Drawings(images, ledger=ledger)
        classes: tuple[str, ...] | None = None
        for path in label_files(source, ending=".txt"):
            if path.name in LISTS or _is_other(path, images):
                if path == source:
                    raise LabelError(
                        f"{path} holds no labels in the form of YOLO: expected lines of numbers, "
                        "the class first. Is it another format (`factory parts format`)?"
                    )
                if path.name not in LISTS:
                    ledger.lose(f"file that holds no labels ({path.name})")
                continue
            classes = self.classes or classes or _classes(source)
            with ledger.record(path, "the file as a whole"):
                drawing = drawings.start(path.stem)
                height, width = drawing.shape
                for number, line in enumerate(texts.read_text(path).splitlines(), start=1):
                    with ledger.record(path, f"line {number}"):
                        if line.strip():
                            drawing.add(*self._parse(line.split(), classes, (width, height)))
        drawings.add_background()
        return drawings.annotations()

    def _parse(
        self, fields: Sequence[str], classes: Sequence[str], size_wh: tuple[int, int]
    ) -> tuple[str, BaseGeometry, dict[str, Any]]:
        """Class, shape in pixels and score of one line."""
        number = texts.whole_number(fields[0], name="the class")
        if number >= len(classes):
            raise LabelError(
                f"the class must be a number from 0 to {len(classes) - 1}. Received: {number}."
            )
        values = np.array([texts.number(value, name="a coordinate") for value in fields[1:]])
        scored = self.confidence and len(values) == 5
        if not self._is_whole(len(values) - scored):
            raise LabelError(
                f"expected {self.expected} behind the class. Received: {len(values)} numbers. If "
                "boxes end in a confidence: `--set confidence=true`."
            )
        if (np.abs(values) > MAX_SHARE).any():
            raise LabelError(
                "coordinates are shares of the sides of the image, from 0 to 1. Received: "
                f"{values[np.abs(values) > MAX_SHARE][0]:g}; are these pixels?"
            )
        label = classes[number]
        if len(values) > 5:
            return label, ring(np.ravel(values.reshape(-1, 2) * size_wh).tolist()), {}
        (x, y), (width, height) = values[:2] * size_wh, values[2:4] * size_wh
        shape = upright(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return label, shape, {"score": float(values[4])} if scored else {}

    def _is_whole(self, count: int) -> bool:
        """Whether a line has as many numbers as one of this kind."""
        return count == 4 or (count >= 6 and count % 2 == 0)

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write `labels/<scene_id>.txt` for each image, and `data.yaml`."""
        frames = annotations.labels.values()
        found = sorted({str(name) for rows in frames for name in rows["label"]})
        unknown = sorted(set(found) - set(self.classes)) if self.classes else []
        if unknown:
            raise LabelError(
                f"`classes` lacks {', '.join(unknown)}. Name every class, in the order of the "
                "numbers, or none."
            )
        names = {name: number for number, name in enumerate(self.classes or found)}
        (out / "labels").mkdir(parents=True)
        for image, labels in drawn_on(annotations, cannot=self.cannot_carry, ledger=ledger):
            height, width = image.grid.shape
            lines = []
            for row in labels.to_dict("records"):
                shares = self._shares(row["geometry"]) / (width, height)
                values = [f"{value:.{DIGITS}f}" for value in np.ravel(shares)]
                lines.append(" ".join([str(names[row["label"]]), *values]) + "\n")
            (out / "labels" / f"{image.scene_id}.txt").write_text("".join(lines), encoding="utf-8")
        content = {
            "path": ".",
            "train": "images",
            "val": "images",
            "names": {number: name for name, number in names.items()},
        }
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        (out / DATA).write_text(text, encoding="utf-8")

    def _shares(self, shape: BaseGeometry) -> np.ndarray:
        """What a line tells of a shape in pixels, as rows of x and y."""
        x_min, y_min, x_max, y_max = shape.bounds
        middle = ((x_min + x_max) / 2, (y_min + y_max) / 2)
        return np.array([middle, (x_max - x_min, y_max - y_min)])


@dataclass(frozen=True)
class YoloSegmentation(Yolo):
    """YOLO for segmentation: outlines `class x1 y1 x2 y2 ...`, in shares of the sides.

    Reads as `yolo` does, but outlines alone, so that a line that is cut off is seen.

    Args:
        classes: Names of the classes, where no file tells them.
        confidence: Lines of boxes end in one, as those of predictions do.
    """

    expected: ClassVar[str] = "x and y of at least three corners"
    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "holes": Loss.FILLED,
        "several parts": Loss.SPLIT,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "scores": Loss.LEFT_OUT,
        "attributes": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def _is_whole(self, count: int) -> bool:
        return count >= 6 and count % 2 == 0

    def _shares(self, shape: BaseGeometry) -> np.ndarray:
        return np.array(shapely.get_parts(shape)[0].exterior.coords[:-1])


@dataclass(frozen=True)
class YoloObb(YoloSegmentation):
    """YOLO for oriented boxes: `class x1 y1 x2 y2 x3 y3 x4 y4`, in shares of the sides.

    Reads as `yolo` does, but four corners alone, so that a line that is cut off is seen.

    Args:
        classes: Names of the classes, where no file tells them.
        confidence: Lines of boxes end in one, as those of predictions do.
    """

    expected: ClassVar[str] = "x and y of four corners"
    cannot_carry: ClassVar[Mapping[str, Loss]] = {
        "polygons": Loss.CORNERS,
        "holes": Loss.CORNERS,
        "several parts": Loss.CORNERS,
        "lines": Loss.LEFT_OUT,
        "points": Loss.LEFT_OUT,
        "scores": Loss.LEFT_OUT,
        "attributes": Loss.LEFT_OUT,
        "labels without an image": Loss.LEFT_OUT,
    }

    def _is_whole(self, count: int) -> bool:
        return count == 8

    def _shares(self, shape: BaseGeometry) -> np.ndarray:
        corners = super()._shares(shape)
        # A box may have corners within its sides: they are not among the four.
        return (
            corners
            if len(corners) == 4
            else np.array(shapely.box(*shape.bounds).exterior.coords[:-1])
        )


def _is_other(path: Path, images: ImageFolder) -> bool:
    """Whether a text file is no label file: it names no image and holds no numbers."""
    if path.stem in images.paths:
        return False
    try:
        lines = [line.split() for line in texts.read_text(path).splitlines() if line.strip()]
        [texts.number(value, name="") for line in lines[:1] for value in line]
    except LabelError:
        return True
    return False


def _classes(source: Path) -> tuple[str, ...]:
    """The names of the classes, from the file that tells them.

    Raises:
        LabelError: There is none, or it is no list of different names.
    """
    folder = source if source.is_dir() else source.parent
    for name in (DATA, *LISTS):
        path = folder / name
        if not path.is_file():
            continue
        text = texts.read_text(path)
        with Ledger().record(path, "the names"):
            names = _from_yaml(text) if name == DATA else text.strip().splitlines()
            names = [name.strip() if isinstance(name, str) else name for name in names]
            wrong = [name for name in names if not isinstance(name, str) or not name]
            if wrong or len(set(names)) < len(names):
                raise LabelError(
                    f"expected one different name a class. Received: {reprlib.repr(names)}."
                )
        return tuple(names)
    raise LabelError(
        f"{folder} has no {DATA}, {', '.join(LISTS)} that names the classes. Name them: "
        "`--set classes='[car, truck]'`, in the order of their numbers."
    )


def _from_yaml(text: str) -> Sequence[Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LabelError(f"not YAML ({str(error).splitlines()[0]}).") from error
    names = texts.field(content, "names", (list, dict))
    if isinstance(names, list):
        return names
    if sorted(names, key=str) != sorted(range(len(names)), key=str):
        raise LabelError(f"`names` must be numbered from 0. Received: {reprlib.repr(names)}.")
    return [names[number] for number in range(len(names))]
