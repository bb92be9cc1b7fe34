"""Vectors and tables in and out: GeoParquet, GeoPackage, GeoJSON, Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, GeometryError
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely import is_valid_reason
from shapely.errors import GEOSException

from factory_core.kernel.errors import ConfigError, FactoryError, LabelError, OutputError
from factory_core.kernel.io.outputs import not_written, staged_file

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".parquet": "Parquet"}
READ_ONLY = (".shp",)
DAMAGED = (CRSError, DataSourceError, DataLayerError, FeatureError, GeometryError, GEOSException)
LONGITUDE_LATITUDE = "EPSG:4326"


def read_vectors(path: Path, *, encoding: str = "") -> gpd.GeoDataFrame:
    """Read one file of features.

    Args:
        path: GeoPackage, GeoJSON, GeoParquet or Shapefile, by its ending.
        encoding: Of the texts of a Shapefile; empty: what it says itself.

    Raises:
        LabelError: It is missing, damaged, without a CRS, or of an unknown ending.
    """
    if path.suffix not in READ_ONLY:
        _check_ending(path)
    try:
        if path.suffix == ".parquet":
            frame = gpd.read_parquet(path)
        else:
            frame = gpd.read_file(path, encoding=encoding or None)
    except (OSError, ValueError, *DAMAGED) as error:
        raise LabelError(
            f"{path} cannot be read as vectors: {error}. Export it again as GeoPackage, "
            "GeoJSON or GeoParquet."
        ) from error
    if frame.crs is None:
        raise LabelError(f"{path} has no CRS. Write it with one (EPSG:4326, say).")
    return frame


def read_geofence(path: Path, *, refused: type[FactoryError] = ConfigError) -> gpd.GeoSeries:
    """Read the polygons of a geofence, in the CRS of the file, which may be any.

    Args:
        path: File of features.
        refused: The error for features that are no geofence.

    Raises:
        LabelError: The file cannot be read, or has no CRS.
        FactoryError: `refused`: there is no polygon, something else, or one that crosses itself.
    """
    fence = read_vectors(path).geometry
    wrong = fence.isna() | fence.is_empty | ~fence.geom_type.isin(["Polygon", "MultiPolygon"])
    if fence.empty:
        raise refused(
            f"The geofence {path} has no features. Expected at least one polygon: draw what lies "
            "inside."
        )
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        what = fence.geom_type.iloc[row]
        named = "empty" if fence.isna().iloc[row] or fence.is_empty.iloc[row] else f"a {what}"
        raise refused(
            f"Feature {row + 1} of the geofence {path} is {named}{_more(wrong, 'no polygon')}. "
            "Expected polygons only: draw what lies inside, and delete the rest."
        )
    invalid = ~fence.is_valid
    if invalid.any():
        row = int(invalid.to_numpy().argmax())
        raise refused(
            f"Feature {row + 1} of the geofence {path} crosses itself "
            f"({is_valid_reason(fence.iloc[row])}){_more(invalid, 'not valid')}. What is inside is "
            "in doubt: mend it "
            "(`ogr2ogr -makevalid`, or Fix geometries in QGIS)."
        )
    return fence


def _more(wrong: pd.Series, what: str) -> str:
    count = int(wrong.sum()) - 1
    return f"; {count} more {'is' if count == 1 else 'are'} {what} either" if count else ""


def write_vectors(frame: gpd.GeoDataFrame, out: Path, *, layer: str = "") -> None:
    """Write features as GeoPackage, GeoJSON or GeoParquet, by the ending of `out`.

    Args:
        frame: The features.
        out: File to write.
        layer: Name of the layer; empty: the name of the file.
    """
    _check_ending(out)
    with staged_file(out) as work:
        if out.suffix == ".parquet":
            frame.to_parquet(work, index=False)
        else:
            if out.suffix == ".geojson":
                frame = frame.to_crs(LONGITUDE_LATITUDE)
            work.unlink(missing_ok=True)
            try:
                frame.to_file(work, driver=DRIVERS[out.suffix], layer=layer or out.stem)
            except (DataSourceError, DataLayerError) as error:
                raise not_written(out, error) from error


def write_shapefile(frame: gpd.GeoDataFrame, out: Path) -> None:
    """Write features of one kind of geometry as a Shapefile with its sidecars, texts in UTF-8.

    Args:
        frame: The features, with column names of at most 10 bytes.
        out: `<folder>/<name>.shp`; the caller puts the folder in place.
    """
    try:
        frame.to_file(out, driver="ESRI Shapefile", encoding="utf-8")
    except DAMAGED as error:
        raise not_written(out, error) from error


def read_table(path: Path) -> pd.DataFrame:
    """Read a Parquet table, as GeoDataFrame where it has a geometry.

    Raises:
        OutputError: It is missing or damaged: run the stage that writes it.
    """
    try:
        try:
            return gpd.read_parquet(path)
        except ValueError:
            return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{path} cannot be read as a table ({error}). Run the stage that writes it again."
        ) from error


def write_table(frame: pd.DataFrame, out: Path) -> None:
    """Write a table, with or without geometry, as Parquet."""
    with staged_file(out) as work:
        frame.to_parquet(work, index=False)


def write_by_scene(frames: Iterable[gpd.GeoDataFrame], out: Path) -> None:
    """Write the features of many scenes, each frame in its scene's CRS, as one GeoParquet.

    A file has one CRS and scenes have many: where all share one, the file has it;
    else it is in longitude and latitude. The column `crs` keeps each row's own,
    and `read_by_scene` restores it.

    Args:
        frames: At least one, with `scene_id` and a CRS, possibly empty.
        out: File to write.
    """
    frames = [frame.assign(crs=_short_name(frame.crs)) for frame in frames]
    common = {_short_name(frame.crs) for frame in frames}
    target = common.pop() if len(common) == 1 else LONGITUDE_LATITUDE
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    table = pd.concat([frame.to_crs(target) for frame in filled], ignore_index=True)
    write_table(table, out)


def as_read_by_scene(frames: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """What `read_by_scene` gives of frames that `write_by_scene` wrote, to the bit, by scene."""
    if len({_short_name(frame.crs) for frame in frames.values()}) == 1:
        return dict(frames)
    return {
        scene_id: frame.to_crs(LONGITUDE_LATITUDE).to_crs(frame.crs)
        for scene_id, frame in frames.items()
    }


def _short_name(crs: CRS) -> str:
    """`EPSG:32633` where there is one: what a file gives back spells the same CRS at length."""
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs)


def read_by_scene(path: Path) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """Read what `write_by_scene` wrote: each scene's id with its features in its own CRS."""
    table = read_table(path)
    for scene_id, rows in table.groupby("scene_id", sort=True):
        (crs,) = rows["crs"].unique()
        frame = gpd.GeoDataFrame(rows.drop(columns="crs").reset_index(drop=True))
        yield str(scene_id), frame.to_crs(crs)


def _check_ending(path: Path) -> None:
    if path.suffix not in DRIVERS:
        raise LabelError(
            f"{path} has the ending {path.suffix!r}. Expected one of {', '.join(DRIVERS)}."
        )


def read_areas(selection: Path, split: str) -> dict[str, gpd.GeoSeries]:
    """Area of each scene that belongs to `split`: one (multi)polygon, in a CRS in metres.

    Args:
        selection: `selection.parquet`, written by the stage select.
        split: `train`, `val` or `test`.
    """
    return {
        scene_id: gpd.GeoSeries([chosen.union_all()], crs=blocks.crs)
        for scene_id, blocks in read_by_scene(selection)
        if len(chosen := blocks.geometry[blocks["split"] == split])
    }
