"""STAC items <-> the table of scenes, in the layout of STAC GeoParquet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from shapely.geometry import mapping, shape

CORE = ("id", "type", "stac_version", "stac_extensions", "bbox", "links", "assets")
TIMES = ("datetime", "start_datetime", "end_datetime")
FIRST = (
    *CORE,
    *TIMES,
    "gsd",
    *(f"proj:{name}" for name in ("code", "wkt2", "shape", "transform")),
    *("bands", "dtype", "nodata_value", "area_km2", "image_hash", "identity"),
    *(f"view:{name}" for name in ("off_nadir", "sun_azimuth", "sun_elevation")),
)
# What a scene states or leaves out; a context that could not be measured is null.
OPTIONAL = tuple(name for name in FIRST if name.startswith(("proj:", "view:")))
OBSERVED = ("labels", "labels_per_km2")
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def to_table(
    items: Sequence[Mapping[str, Any]], observed: Mapping[str, Mapping[str, Any]]
) -> gpd.GeoDataFrame:
    """One row an item, in the layout of STAC GeoParquet, with what was observed of its labels.

    Args:
        items: STAC items from `describe_scene`.
        observed: By scene, columns for its labels: `labels`, the count of every class, ...
    """
    rows = [
        {
            **{key: item[key] for key in CORE},
            "bbox": dict(zip(CORNERS, item["bbox"], strict=True)),
            **item["properties"],
            **observed[item["id"]],
        }
        for item in items
    ]
    table = pd.DataFrame(rows)
    first = [name for name in FIRST if name in table]
    last = [name for name in OBSERVED if name in table]
    rest = [name for name in table if name not in (*first, *last)]
    table = table[[*first, *rest, *last]].copy()
    for column in TIMES:
        table[column] = pd.to_datetime(table[column], utc=True, format="ISO8601").astype(
            "datetime64[us, UTC]"
        )
    for name in table:
        if name != "image_hash" and _is_number_or_nothing(table[name]):
            table[name] = table[name].astype(float)
    outlines = [shape(item["geometry"]) for item in items]
    return gpd.GeoDataFrame(table, geometry=outlines, crs="EPSG:4326")


def _is_number_or_nothing(column: pd.Series) -> bool:
    return all(value is None or isinstance(value, float) for value in column)


def to_items(table: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    """The STAC items of a table of scenes, without what was observed of its labels."""
    names = [name for name in table if name not in (*CORE, *OBSERVED, "geometry")]
    items = []
    for row in table.to_dict("records"):
        item = {key: _plain(row[key]) for key in CORE if key != "bbox"}
        item["bbox"] = [row["bbox"][corner] for corner in CORNERS]
        item["assets"] = {name: _stated(of) for name, of in _stated(item["assets"]).items()}
        item["geometry"] = mapping(row["geometry"])
        given = {name: _plain(row[name]) for name in names}
        item["properties"] = {
            name: value
            for name, value in given.items()
            if value is not None or name not in OPTIONAL
        }
        items.append(item)
    return items


def _stated(given: Mapping[str, Any]) -> dict[str, Any]:
    """A struct without the fields that only other rows have."""
    return {name: value for name, value in given.items() if value is not None}


def _plain(value: Any) -> Any:
    """A cell of a table as JSON has it."""
    if isinstance(value, np.ndarray | list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if value is None or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value
