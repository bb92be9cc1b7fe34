"""GeoJSON, GeoPackage, Shapefile and GeoParquet: features on the ground."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import geopandas as gpd
import pandas as pd
from pyproj import CRS

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Annotations, Ledger
from factory_core.sources.features import Classes, Feature, Survey, read_features, without
from factory_core.sources.images import Image, ImageFolder
from factory_core.sources.shapes import Loss

LONGITUDE_LATITUDE = "EPSG:4326"
# What a dBASE table holds of a name and of a text, in bytes.
MAX_NAME_BYTES, MAX_TEXT_BYTES = 10, 254
KINDS = {"Polygon": "polygons", "LineString": "lines", "Point": "points"}


@dataclass(frozen=True)
class Vector:
    """Features with their class in a column; a `scene_id` in a column puts them on that image.

    Args:
        class_column: Column or property that holds the class.
        label: Class of every feature, where no column holds one; empty reads `class_column`.
    """

    class_column: str = "label"
    label: str = ""

    endings: ClassVar[tuple[str, ...]]
    cannot_carry: ClassVar[Mapping[str, Loss]] = {"images without labels": Loss.LEFT_OUT}

    def read(self, source: Path, *, images: ImageFolder, ledger: Ledger) -> Annotations:
        """Labels of one file, or of every file of a folder."""
        classes = Classes(self.class_column, self.label)
        has_images = images.has_any()
        frames: dict[str, list[gpd.GeoDataFrame]] = {}
        loose: list[gpd.GeoDataFrame] = []
        found: dict[str, Image] = {}
        for path in self._files(source):
            crs, features = self._read(path)
            surveys: dict[str | None, Survey] = {}
            seen: set[object] = set()
            for feature in features:
                with ledger.record(path, feature.name):
                    _check_new(feature, seen)
                    attributes = without(feature, classes)
                    image = _image(attributes.pop("scene_id", None), images, has_images, ledger)
                    scene_id = image.scene_id if image else None
                    survey = surveys.get(scene_id) or Survey(crs, ledger=ledger, image=image)
                    survey.add(classes.of(feature.properties), feature.geometry, attributes)
                    surveys[scene_id] = survey
                    found |= {image.scene_id: image} if image else {}
            for scene_id, survey in surveys.items():
                (loose if scene_id is None else frames.setdefault(scene_id, [])).append(
                    survey.frame()
                )
        joined = {
            scene_id: gpd.GeoDataFrame(pd.concat(parts, ignore_index=True))
            for scene_id, parts in frames.items()
        }
        return Annotations(found, joined, tuple(loose))

    def _files(self, source: Path) -> list[Path]:
        if not source.is_dir():
            return [source]
        files = sorted(path for path in source.rglob("*") if path.suffix.lower() in self.endings)
        if not files:
            raise LabelError(f"{source} holds no {' or '.join(self.endings)} file.")
        return files

    def _read(self, path: Path) -> tuple[CRS, list[Feature]]:
        with _with_ending(path, self.endings) as named:
            return read_features(named)

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write one file, in the CRS of the images if they share one, else in degrees."""
        frame = self._table(annotations, ledger)
        work = out if out.suffix == self.endings[0] else out.with_name(out.name + self.endings[0])
        io.write_vectors(frame, work, layer="labels")
        os.replace(work, out)

    def _table(self, annotations: Annotations, ledger: Ledger) -> gpd.GeoDataFrame:
        """All labels in one frame, with their `scene_id`."""
        without_labels = set(annotations.images) - set(annotations.labels)
        ledger.lose("images without labels", len(without_labels))
        frames = [frame.assign(scene_id=scene_id) for scene_id, frame in annotations.labels.items()]
        frames += [frame.assign(scene_id=None) for frame in annotations.loose]
        frames = [_named(frame) for frame in frames if len(frame)]
        if not frames:
            return gpd.GeoDataFrame({"label": []}, geometry=[], crs=LONGITUDE_LATITUDE)
        shared = {frame.crs for frame in frames}
        crs = shared.pop() if len(shared) == 1 else CRS(LONGITUDE_LATITUDE)
        frames = [frame.to_crs(crs).dropna(axis="columns", how="all") for frame in frames]
        table: gpd.GeoDataFrame = pd.concat(frames, ignore_index=True)
        if self.class_column != "label":
            table = table.rename(columns={"label": self.class_column})
        return table


def _named(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame if frame.geometry.name == "geometry" else frame.rename_geometry("geometry")


def _check_new(feature: Feature, seen: set[object]) -> None:
    if feature.id is not None:
        if feature.id in seen:
            raise LabelError(f"the id {feature.id!r} stands twice. Each needs an id of its own.")
        seen.add(feature.id)


def _image(scene_id: object, images: ImageFolder, has_images: bool, ledger: Ledger) -> Image | None:
    if not isinstance(scene_id, str) or not scene_id:
        return None
    if not has_images:
        ledger.lose("scene ids, as there are no images: labels are placed by where they lie")
        return None
    return images.find(scene_id)


@contextmanager
def _with_ending(path: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """The file under a name with the ending by which GDAL knows it."""
    if path.suffix in endings or not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / f"{path.name}{endings[0]}"
        named.symlink_to(path.resolve())
        yield named


@dataclass(frozen=True)
class GeoJson(Vector):
    """GeoJSON, in longitude and latitude, or in the CRS that its member `crs` names."""

    endings: ClassVar[tuple[str, ...]] = (".geojson", ".json")


@dataclass(frozen=True)
class GeoPackage(Vector):
    """GeoPackage, one layer."""

    endings: ClassVar[tuple[str, ...]] = (".gpkg",)


@dataclass(frozen=True)
class GeoParquet(Vector):
    """GeoParquet."""

    endings: ClassVar[tuple[str, ...]] = (".parquet",)


@dataclass(frozen=True)
class Shapefile(Vector):
    """Shapefiles: a folder with one a kind of geometry, each with its sidecars.

    Column names over 10 bytes are cut and made unlike; texts over 254 bytes are cut.

    Args:
        encoding: Of the texts that are read; empty: what the file says itself.
    """

    encoding: str = ""

    endings: ClassVar[tuple[str, ...]] = (".shp",)

    def _read(self, path: Path) -> tuple[CRS, list[Feature]]:
        _check_sidecars(path)
        return read_features(path, encoding=self.encoding)

    def write(self, annotations: Annotations, out: Path, *, ledger: Ledger) -> None:
        """Write a folder of `polygons.shp`, `lines.shp`, `points.shp`, as there are."""
        out.mkdir()
        frame = _short(self._table(annotations, ledger), ledger)
        kinds = frame.geom_type.str.removeprefix("Multi").map(KINDS).fillna("polygons")
        # A MultiPoint and a Point are different kinds to a Shapefile.
        kinds = kinds.where(frame.geom_type != "MultiPoint", "multipoints")
        groups = dict(list(frame.groupby(kinds))) or {"polygons": frame}
        for kind, rows in groups.items():
            io.write_shapefile(rows, out / f"{kind}.shp")


def _check_sidecars(path: Path) -> None:
    for ending, holds in ((".shx", "the index"), (".dbf", "the columns"), (".prj", "the CRS")):
        if path.is_file() and not any(
            path.with_suffix(each).is_file() for each in (ending, ending.upper())
        ):
            raise LabelError(
                f"{path} lacks its sidecar {path.with_suffix(ending).name}, which holds {holds}. "
                "A Shapefile is several files: fetch them all."
            )


def _short(frame: gpd.GeoDataFrame, ledger: Ledger) -> gpd.GeoDataFrame:
    """The frame as a dBASE table can hold it; what is cut is counted."""
    names: dict[str, str] = {}
    for name in map(str, frame.columns.drop("geometry")):
        short, number = _cut(name, MAX_NAME_BYTES), 1
        while short.lower() in (taken.lower() for taken in names.values()):
            number += 1
            short = f"{_cut(name, MAX_NAME_BYTES - len(str(number)) - 1)}_{number}"
        names[name] = short
    lost: Counter[str] = Counter()
    lost["column names longer than 10 bytes"] = sum(old != new for old, new in names.items())
    frame = frame.rename(columns=names)
    for name in names.values():
        texts = frame[name].map(lambda value: isinstance(value, str)).astype(bool)
        cut = frame.loc[texts, name].map(lambda text: _cut(text, MAX_TEXT_BYTES))
        lost["texts longer than 254 bytes"] += int((cut != frame.loc[texts, name]).sum())
        frame.loc[texts, name] = cut
    for what, count in lost.items():
        ledger.lose(what, count)
    return frame


def _cut(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")
