"""What the stage select reads of a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import geo, io

# Columns of numbers that are no contexts.
NOT_CONTEXTS = ("gsd", "nodata", "nodata_value", "area_km2")


@dataclass(frozen=True)
class Catalogue:
    """Scenes with their labels and contexts.

    Attributes:
        outlines: Outline of each scene, in its CRS in metres.
        footprints: The same in longitude and latitude.
        times: When each scene was taken, UTC; None where it does not tell.
        hashes: `image_hash` of each scene, or anything else where it has none.
        labels: Labels of each scene that has any, in its CRS.
        contexts: Cells with their contexts, of each scene that has any, in its CRS.
        contexts_of_scene: Contexts of each scene as a whole, by its id.
    """

    outlines: Mapping[str, gpd.GeoSeries]
    footprints: Mapping[str, BaseGeometry]
    times: Mapping[str, datetime | None]
    hashes: Mapping[str, object]
    labels: Mapping[str, gpd.GeoDataFrame]
    contexts: Mapping[str, gpd.GeoDataFrame]
    contexts_of_scene: pd.DataFrame


def read_catalogue(folder: Path) -> Catalogue:
    """Read the tables of a catalogue.

    Raises:
        OutputError: One is missing or damaged: run the stage catalogue.
    """
    scenes = gpd.GeoDataFrame(io.read_table(folder / "scenes.parquet"))
    scenes = scenes.set_index(scenes["id"].astype(str)).sort_index()
    cells = folder / "contexts.parquet"
    contexts = dict(io.read_by_scene(cells)) if cells.is_file() else {}
    in_cells = {name for frame in contexts.values() for name in frame.columns}
    own = scenes.select_dtypes("float").drop(columns=list(NOT_CONTEXTS), errors="ignore")
    names = [name for name in own.columns if (name in in_cells if contexts else ":" not in name)]
    times = scenes["datetime"] if "datetime" in scenes else pd.Series(pd.NaT, scenes.index)
    hashes = scenes["image_hash"] if "image_hash" in scenes else pd.Series("", scenes.index)
    return Catalogue(
        {str(name): _outline(row) for name, row in scenes.iterrows()},
        {str(name): shape for name, shape in scenes.geometry.items()},
        {str(k): None if pd.isna(t) else t.to_pydatetime() for k, t in times.items()},
        {str(name): value for name, value in hashes.items()},
        dict(io.read_by_scene(folder / "labels.parquet")),
        contexts,
        own[names],
    )


def _outline(row: pd.Series) -> gpd.GeoSeries:
    """Outline of a scene in its CRS in metres."""
    code = row["proj:code"] if isinstance(row.get("proj:code"), str) else row["proj:wkt2"]
    grid = GeoBox(tuple(row["proj:shape"]), Affine(*row["proj:transform"]), code)
    outline = gpd.GeoSeries([geo.footprint(grid)], crs=code)
    metric = geo.metric_crs(grid)
    return outline if metric == str(grid.crs) else outline.segmentize(_step(grid)).to_crs(metric)


def _step(grid: GeoBox) -> float:
    """A sixty-fourth of the longer side, in units of the CRS: bends edges as the ground does."""
    left, low, right, high = grid.extent.boundingbox
    return float(max(right - left, high - low) / 64)
