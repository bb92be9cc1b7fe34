"""Features of vector files as labels: GeoJSON read feature by feature, tables row by row."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError, nearest
from factory_core.sources import texts
from factory_core.sources.annotations import Ledger, to_pixels
from factory_core.sources.drawing import check_shown, columns_of, sound
from factory_core.sources.ground import LONGITUDE_LATITUDE, check_place, from_geojson
from factory_core.sources.images import Image


@dataclass(frozen=True)
class Feature:
    """One record of a vector file.

    Attributes:
        name: How messages call it: `feature 3`, `row 7`.
        properties: Its columns.
        geometry: GeoJSON of it, or a geometry, or None.
        id: Its id, where the format gives it one.
    """

    name: str
    properties: Mapping[str, Any]
    geometry: object
    id: object = None


@dataclass(frozen=True)
class Classes:
    """Where the class of a feature stands.

    Attributes:
        column: Column or property that holds it.
        label: Class of every feature; empty reads `column`.
    """

    column: str
    label: str = ""

    def of(self, properties: Mapping[str, Any]) -> str:
        """The class of a feature.

        Raises:
            LabelError: There is no such column or no value in it, or a value without a name.
        """
        if self.label:
            return self.label
        if self.column not in properties:
            raise LabelError(
                f"there is no property {self.column!r} with the class."
                f"{nearest(self.column, properties)} Properties: "
                f"{', '.join(properties) or 'none'}. Name the one that holds the class "
                "(`class_column=...`), or the class of all features (`label=...`)."
            )
        value = properties[self.column]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, (str, int)) or isinstance(value, bool) or value == "":
            raise LabelError(f"the class, {self.column!r}, is {value!r}: not a name.")
        return str(value)


def read_features(path: Path, *, encoding: str = "") -> tuple[CRS, list[Feature]]:
    """The features of a vector file, unchecked, and their CRS.

    Args:
        path: GeoJSON, or what `io.read_vectors` reads.
        encoding: Of the texts of a Shapefile; empty: what it says itself.

    Raises:
        LabelError: The file is missing, damaged, or has no CRS.
    """
    if path.suffix.lower() in (".geojson", ".json"):
        return read_geojson(path)
    with warnings.catch_warnings():
        # GDAL warns of what it could not read and goes on without it.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            frame = io.read_vectors(path, encoding=encoding)
        except RuntimeWarning as error:
            raise LabelError(f"{path} is damaged: {error}. Export it again.") from error
    table = frame.drop(columns=frame.geometry.name).astype(object)
    table = table.where(table.notna(), None)
    features = [
        Feature(f"row {row}", properties, geometry)
        for row, (properties, geometry) in enumerate(
            zip(table.to_dict("records"), frame.geometry, strict=True), start=1
        )
    ]
    return CRS(frame.crs), features


def read_geojson(path: Path) -> tuple[CRS, list[Feature]]:
    """The features of a GeoJSON file, unchecked, and their CRS.

    RFC 7946 knows longitude and latitude alone; the member `crs` of the older GeoJSON is
    honoured, because GDAL and QGIS still write it.

    Raises:
        LabelError: It is damaged, or no collection of features.
    """
    content = texts.read_json(path)
    with Ledger().record(path, "the file as a whole"):
        records = texts.field(content, "features", list)
        crs = _crs(content.get("crs"))
    return crs, [_feature(number, record) for number, record in enumerate(records, start=1)]


def _crs(member: object) -> CRS:
    if member is None:
        return CRS(LONGITUDE_LATITUDE)
    name = texts.field(texts.field(member, "properties", Mapping), "name", str)
    try:
        crs = CRS.from_user_input(name)
    except CRSError as error:
        raise LabelError(f"the CRS {name!r} is not known. Write it as EPSG:number.") from error
    return CRS(LONGITUDE_LATITUDE) if "CRS84" in name else crs


def _feature(number: int, record: object) -> Feature:
    """One feature; what is wrong with it shows when it is read, under its name."""
    if not isinstance(record, Mapping):
        return Feature(f"feature {number}", {}, record)
    properties = record.get("properties")
    known = dict(properties) if isinstance(properties, Mapping) else {}
    if "id" in record and "id" not in known:
        known["id"] = record["id"]
    return Feature(f"feature {number}", known, record.get("geometry"), record.get("id"))


class Survey:
    """Labels on the ground, in one CRS; each is checked when it is added."""

    def __init__(self, crs: CRS, *, ledger: Ledger, image: Image | None = None) -> None:
        """Begin without labels.

        Args:
            crs: Of the geometries that come.
            ledger: Repairs, or counts what a table cannot hold.
            image: What they must lie on; None: anywhere.
        """
        self._crs = crs
        self._ledger = ledger
        self._image = image
        self._rows: list[dict[str, Any]] = []
        self._shapes: list[BaseGeometry] = []

    def add(
        self, label: str, geometry: object, attributes: Mapping[str, Any] | None = None
    ) -> None:
        """Take one label; to be called within `Ledger.record`, which tells its place.

        Args:
            label: Its class.
            geometry: A geometry, or GeoJSON of one.
            attributes: Further columns.

        Raises:
            LabelError: It has no sound geometry, one far from where its CRS is meant for, or
                one outside of its image.
        """
        if not isinstance(geometry, BaseGeometry):
            geometry = from_geojson(geometry)
        checked = sound(shapely.force_2d(geometry), ledger=self._ledger)
        check_place(checked, self._crs)
        if self._image is not None:
            there = gpd.GeoSeries([checked], crs=self._crs).to_crs(str(self._image.grid.crs))
            (in_pixels,) = to_pixels(there.to_frame("geometry"), grid=self._image.grid)
            check_shown(in_pixels, self._image)
        self._rows.append({"label": label, **columns_of(attributes or {}, self._ledger)})
        self._shapes.append(checked)

    def __len__(self) -> int:
        return len(self._rows)

    def frame(self) -> gpd.GeoDataFrame:
        """The labels in their order, in the CRS of their image if they have one."""
        rows = pd.DataFrame(self._rows, columns=None if self._rows else ["label"])
        frame = gpd.GeoDataFrame(rows, geometry=self._shapes, crs=self._crs)
        return frame if self._image is None else frame.to_crs(str(self._image.grid.crs))


def read_labels(
    path: Path, *, classes: Classes, ledger: Ledger, image: Image | None = None
) -> gpd.GeoDataFrame:
    """Every feature of a vector file as a label, on `image` if there is one.

    Raises:
        LabelError: The file or a feature of it is bad; names it.
    """
    crs, features = read_features(path)
    survey = Survey(crs, ledger=ledger, image=image)
    for feature in features:
        with ledger.record(path, feature.name):
            survey.add(classes.of(feature.properties), feature.geometry, without(feature, classes))
    return survey.frame()


def without(feature: Feature, classes: Classes) -> dict[str, Any]:
    """The properties of a feature besides its class."""
    return {
        name: value
        for name, value in feature.properties.items()
        if classes.label or name != classes.column
    }
