"""Labels of one image, checked one by one while a format is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Annotations, Ledger, from_pixels, to_pixels
from factory_core.sources.images import Image, ImageFolder, scene_id_of
from factory_core.sources.shapes import (
    NEVER_ATTRIBUTES,
    Loss,
    carried,
    check_sound,
    plain,
    repaired,
)

# A label of which the image shows less than this share is drawn on another image.
MIN_SHARE = 1e-3
# A point on the very edge comes to lie a hair outside on its way through other CRSs.
RIM_PX = 1e-3


class Drawing:
    """Labels drawn on one image, in its pixels; each is checked when it is added."""

    def __init__(self, image: Image, *, ledger: Ledger) -> None:
        self._image = image
        self._ledger = ledger
        self._rows: list[dict[str, Any]] = []
        self._shapes: list[BaseGeometry] = []

    def add(
        self,
        label: object,
        geometry: BaseGeometry,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Take one label; to be called within `Ledger.record`, which tells its place.

        Args:
            label: Its class.
            geometry: In pixels: x to the right, y down, (0, 0) the upper left corner.
            attributes: Further columns; `score` is one of them.

        Raises:
            LabelError: No class, no sound shape, or none that the image shows.
        """
        if not isinstance(label, str) or not label.strip():
            raise LabelError(f"the class must be a name. Received: {label!r}.")
        geometry = sound(geometry, ledger=self._ledger)
        check_shown(geometry, self._image)
        self._rows.append({"label": label.strip(), **columns_of(attributes or {}, self._ledger)})
        self._shapes.append(geometry)

    @property
    def shape(self) -> tuple[int, int]:
        """`(height, width)` of the image in pixels."""
        height, width = self._image.grid.shape
        return height, width

    def __len__(self) -> int:
        return len(self._rows)

    def frame(self) -> gpd.GeoDataFrame:
        """The labels in the CRS of the image, in the order in which they came."""
        geometry = from_pixels(gpd.GeoSeries(self._shapes), grid=self._image.grid)
        return gpd.GeoDataFrame(pd.DataFrame.from_records(self._rows), geometry=geometry)


class Drawings:
    """Labels of many images, from formats that have a file or a row an image."""

    def __init__(self, images: ImageFolder, *, ledger: Ledger) -> None:
        self._images = images
        self._ledger = ledger
        self._found: dict[str, Image] = {}
        self._drawings: dict[str, Drawing] = {}

    def on(self, name: str, *, resolution_m: float | None = None) -> Drawing:
        """The drawing of the image that a format calls `name`.

        Raises:
            LabelError, SceneError: There is no such image, or it cannot be read or placed.
        """
        image = self._images.find(name, resolution_m=resolution_m)
        self._found[image.scene_id] = image
        new = Drawing(image, ledger=self._ledger)
        return self._drawings.setdefault(image.scene_id, new)

    def start(self, name: str, *, resolution_m: float | None = None) -> Drawing:
        """As `on`, for formats in which one file holds all labels of an image.

        Raises:
            LabelError: Another file has told of this image; and as `on`.
        """
        if scene_id_of(name) in self._drawings:
            raise LabelError(f"another file has told the labels of {name!r}. Keep one of the two.")
        return self.on(name, resolution_m=resolution_m)

    def add_background(self) -> None:
        """Take every other image of the folder as one without labels."""
        for path in self._images.paths.values():
            with self._ledger.record(path, "the image"):
                image = self._images.find(path.name)
                self._found.setdefault(image.scene_id, image)

    def annotations(self) -> Annotations:
        """All that was drawn."""
        drawn = {name: each.frame() for name, each in self._drawings.items() if len(each)}
        return Annotations(dict(sorted(self._found.items())), dict(sorted(drawn.items())))


def label_files(source: Path, *, ending: str) -> list[Path]:
    """The label files of a source, itself or in it at any depth, sorted.

    Raises:
        LabelError: There are none.
    """
    if source.is_file():
        return [source]
    files = sorted(path for path in source.rglob(f"*{ending}") if path.is_file())
    if not files:
        raise LabelError(f"{source} holds no *{ending}. Name the folder of the labels.")
    return files


def check_shown(geometry: BaseGeometry, image: Image) -> None:
    """Check that an image shows a label, given in its pixels.

    Raises:
        LabelError: It lies outside.
    """
    height, width = image.grid.shape
    edge = shapely.box(-RIM_PX, -RIM_PX, width + RIM_PX, height + RIM_PX)
    if edge.covers(geometry):
        return
    inside = edge.intersection(geometry)
    measure = "area" if geometry.area else "length"
    whole, shown = getattr(geometry, measure), getattr(inside, measure)
    if inside.is_empty or shown < MIN_SHARE * whole:
        bounds = ", ".join(f"{value:g}" for value in geometry.bounds)
        raise LabelError(
            f"the label lies outside its image {image.scene_id!r} ({width} x {height} "
            f"pixels): it reaches over ({bounds}). Is it drawn on another image or size?"
        )


def sound(geometry: BaseGeometry | None, *, ledger: Ledger) -> BaseGeometry:
    """The geometry, if it is sound; mended where it crosses itself and the ledger repairs.

    Raises:
        LabelError: It is empty, not finite, degenerate, or invalid.
    """
    if ledger.repair and geometry is not None and not geometry.is_valid:
        mended = check_sound(repaired(geometry))
        ledger.repaired += 1
        return mended
    return check_sound(geometry)


def columns_of(attributes: Mapping[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Attributes that fit into a table, under names that are free."""
    columns = {}
    for name, value in attributes.items():
        if isinstance(value, (dict, list, tuple)):
            ledger.lose("nested attributes")
        elif value is not None:
            taken = name in NEVER_ATTRIBUTES and name != "score"
            columns[f"{name}_" if taken else name] = value
    return columns


def in_pixels(
    labels: gpd.GeoDataFrame,
    image: Image,
    *,
    cannot: Mapping[str, Loss],
    ledger: Ledger,
    attributes: tuple[str, ...] = (),
) -> gpd.GeoDataFrame:
    """What a format of pixels can hold of the labels of one image; the rest is counted.

    Args:
        labels: In the CRS of the image.
        image: What they lie on.
        cannot: The features that the format cannot hold, and what becomes of them.
        ledger: Where they are counted.
        attributes: Columns that it holds although it cannot hold `attributes`.
    """
    drawn = to_pixels(labels, grid=image.grid).to_list()
    return carried(labels, cannot=cannot, lose=ledger.lose, attributes=attributes, drawn=drawn)


def drawn_on(
    annotations: Annotations,
    *,
    cannot: Mapping[str, Loss],
    ledger: Ledger,
    attributes: tuple[str, ...] = (),
) -> Iterator[tuple[Image, gpd.GeoDataFrame]]:
    """Each image with what a format of pixels can hold of its labels; the rest is counted.

    Images without labels come with an empty frame, or not at all where the format cannot
    hold them. For the arguments see `in_pixels`.
    """
    ledger.lose("labels without an image", sum(map(len, annotations.loose)))
    for scene_id, image in sorted(annotations.images.items()):
        labels = annotations.labels.get(scene_id)
        if labels is not None:
            yield (
                image,
                in_pixels(labels, image, cannot=cannot, ledger=ledger, attributes=attributes),
            )
        elif "images without labels" in cannot:
            ledger.lose("images without labels")
        else:
            yield image, gpd.GeoDataFrame({"label": []}, geometry=[])


def attributes_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The further columns of a label that have a value, as plain Python."""
    return {
        name: value
        for name, stated in row.items()
        if name not in NEVER_ATTRIBUTES and (value := plain(stated)) is not None
    }
