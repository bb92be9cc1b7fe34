"""What one scene is: a STAC item with its contexts, and the table of many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS
from shapely.geometry import mapping, shape

from factory_core.catalogue.pixel_fingerprint import fingerprint_pixels
from factory_core.kernel import geo, io
from factory_core.kernel.errors import SceneError

OVERVIEW_PX = 512
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
# A scene that does not tell its time is filed under every time: STAC asks for one or a range.
ANY_TIME = {"start_datetime": "1900-01-01T00:00:00Z", "end_datetime": "2100-01-01T00:00:00Z"}


class Context(Protocol):
    """A measured property of a scene."""

    def __call__(self, image: Mapping[str, np.ndarray]) -> float:
        """The property, from the `(height, width)` reflectance of each band."""


def find_scenes(raw: Path, pattern: str) -> dict[str, Path]:
    """Scenes under `raw` that match the glob `pattern`: their ids and paths, sorted by id.

    Raises:
        SceneError: None matches, or two have one file name.
    """
    paths = sorted(path for path in raw.glob(pattern) if path.is_file())
    if not paths:
        raise SceneError(
            f"No file under {raw} matches `catalogue.scenes` ({pattern}). Put the scenes there, "
            "or correct the pattern."
        )
    found: dict[str, Path] = {}
    for path in paths:
        if path.stem in found:
            raise SceneError(
                f"Two scenes have the name {path.stem!r}: {found[path.stem]} and {path}. "
                "A scene is known by its file name: rename one."
            )
        found[path.stem] = path
    return dict(sorted(found.items()))


def describe_scene(
    path: Path,
    *,
    href: str,
    bands: tuple[str, ...],
    white: float | None,
    contexts: Mapping[str, Context],
) -> dict[str, Any]:
    """Measure one scene.

    Args:
        path: The raster.
        href: Where it lies under the raw data.
        bands: Names of its bands, where the file does not tell them.
        white: Value of a white surface; None takes it from the type of the pixels.
        contexts: What to measure, by name.

    Returns:
        A STAC item as plain data, contexts among its properties.

    Raises:
        SceneError: It cannot be opened or placed, or holds no data.
    """
    raster = io.open_raster(path, bands=bands)
    image = _reflectance(path, raster, white)
    with np.errstate(all="ignore"):
        measured = {name: context(image) for name, context in contexts.items()}
    outline = raster.geobox.geographic_extent.geom
    height, width = raster.geobox.shape
    properties: dict[str, Any] = {
        **_times(io.read_tags(path)),
        "gsd": geo.resolution_m(raster.geobox),
        **_crs(str(raster.geobox.crs)),
        "proj:shape": [height, width],
        "proj:transform": list(raster.geobox.affine)[:6],
        "bands": [{"name": name} for name in raster.bands],
        "dtype": raster.dtype,
        "nodata": _nodata(raster.nodata),
        "image_hash": fingerprint_pixels(image),
        **{name: None if math.isnan(value) else value for name, value in measured.items()},
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [PROJECTION],
        "id": raster.scene_id,
        "geometry": mapping(outline),
        "bbox": list(outline.bounds),
        "properties": properties,
        "links": [],
        "assets": {"image": {"href": href, "type": "image/tiff; application=geotiff"}},
    }


def _reflectance(path: Path, raster: geo.Raster, white: float | None) -> dict[str, np.ndarray]:
    pixels = io.read_overview(path, max_px=OVERVIEW_PX)
    if white is None:
        kind = np.dtype(raster.dtype)
        white = 1.0 if kind.kind == "f" else 255.0 if kind.itemsize == 1 else 10000.0
    values = np.ma.filled(pixels.astype(np.float32), np.nan) / white
    if not np.isfinite(values).any():
        raise SceneError(
            f"{path} holds no pixel with data: all are NaN or nodata ({raster.nodata}). "
            "Take it out of the scenes, or correct its nodata value."
        )
    return dict(zip(raster.bands, values, strict=True))


def _times(tags: Mapping[str, str]) -> dict[str, str | None]:
    stated = tags.get("ACQUISITIONDATETIME", "").strip()
    try:
        time = datetime.fromisoformat(stated)
    except ValueError:
        return {"datetime": None, **ANY_TIME}
    time = time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    text = time.isoformat().replace("+00:00", "Z")
    return {"datetime": text, "start_datetime": text, "end_datetime": text}


def _crs(crs: str) -> dict[str, str]:
    known = CRS.from_user_input(crs)
    authority = known.to_authority()
    return {"proj:code": ":".join(authority)} if authority else {"proj:wkt2": known.to_wkt()}


def _nodata(value: float | None) -> float | str | None:
    return "nan" if value is not None and math.isnan(value) else value


def to_table(
    items: Sequence[Mapping[str, Any]], counts: Mapping[str, Mapping[str, int]]
) -> gpd.GeoDataFrame:
    """One row an item, in the layout of STAC GeoParquet, with its counts of labels.

    Args:
        items: STAC items from `describe_scene`.
        counts: Labels of each scene, by name of class, every class named.
    """
    rows = [
        {
            **{key: item[key] for key in ("id", "type", "stac_version", "stac_extensions")},
            "bbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), item["bbox"], strict=True)),
            "links": item["links"],
            "assets": item["assets"],
            **item["properties"],
            "labels": dict(counts[item["id"]]),
        }
        for item in items
    ]
    table = pd.DataFrame(rows)
    for column in ("datetime", "start_datetime", "end_datetime"):
        table[column] = pd.to_datetime(table[column], utc=True, format="ISO8601").astype(
            "datetime64[us, UTC]"
        )
    table["nodata"] = pd.to_numeric(table["nodata"])
    for name in table:
        if _is_number_or_nothing(table[name]):
            table[name] = table[name].astype(float)
    outlines = [shape(item["geometry"]) for item in items]
    return gpd.GeoDataFrame(table, geometry=outlines, crs="EPSG:4326")


def _is_number_or_nothing(column: pd.Series) -> bool:
    return all(value is None or isinstance(value, float) for value in column)
