"""Labels of one image, checked one by one while a format is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Ledger, from_pixels, to_pixels
from factory_core.sources.images import Image
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


class Drawing:
    """Labels drawn on one image, in its pixels; each is checked when it is added."""

    def __init__(self, image: Image, *, ledger: Ledger) -> None:
        self._image = image
        self._ledger = ledger
        height, width = image.grid.shape
        self._frame = shapely.box(0, 0, width, height)
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
        self._check_shown(geometry)
        self._rows.append({"label": label.strip(), **columns_of(attributes or {}, self._ledger)})
        self._shapes.append(geometry)

    def _check_shown(self, geometry: BaseGeometry) -> None:
        if self._frame.covers(geometry):
            return
        inside = self._frame.intersection(geometry)
        measure = "area" if geometry.area else "length"
        whole, shown = getattr(geometry, measure), getattr(inside, measure)
        if inside.is_empty or shown < MIN_SHARE * whole:
            height, width = self._image.grid.shape
            bounds = ", ".join(f"{value:g}" for value in geometry.bounds)
            raise LabelError(
                f"the label lies outside its image {self._image.scene_id!r} ({width} x {height} "
                f"pixels): it reaches over ({bounds}). Is it drawn on another image or size?"
            )

    def __len__(self) -> int:
        return len(self._rows)

    def frame(self) -> gpd.GeoDataFrame:
        """The labels in the CRS of the image, in the order in which they came."""
        geometry = from_pixels(gpd.GeoSeries(self._shapes), grid=self._image.grid)
        return gpd.GeoDataFrame(pd.DataFrame.from_records(self._rows), geometry=geometry)


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
    drawn = gpd.GeoDataFrame(
        labels.drop(columns=labels.geometry.name), geometry=to_pixels(labels, grid=image.grid)
    )
    return carried(drawn, cannot=cannot, lose=ledger.lose, attributes=attributes)


def attributes_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The further columns of a label that have a value, as plain Python."""
    return {
        name: value
        for name, stated in row.items()
        if name not in NEVER_ATTRIBUTES and (value := plain(stated)) is not None
    }
