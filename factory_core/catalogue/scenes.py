"""What one scene is: a STAC item, its contexts, and those of its cells."""

from __future__ import annotations

import math
import mimetypes
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS
from shapely.geometry import Polygon, mapping

from factory_core.catalogue.acquisition import Acquisition, read_acquisition
from factory_core.catalogue.cells import CELL_PX, Cell, cut_cells, measure_cells
from factory_core.catalogue.pixel_fingerprint import fingerprint_pixels
from factory_core.catalogue.sources import Source
from factory_core.catalogue.view import Context, Overview, View
from factory_core.kernel import geo, io
from factory_core.kernel.errors import SceneError

OVERVIEW_PX = 512
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
VIEW = "https://stac-extensions.github.io/view/v1.0.0/schema.json"
# A scene that does not tell its time is filed under every time: STAC asks for one or a range.
ANY_TIME = ("1900-01-01T00:00:00Z", "2100-01-01T00:00:00Z")


def describe_scene(
    source: Source,
    *,
    raw: Path,
    bands: tuple[str, ...],
    white: float | None,
    contexts: Mapping[str, Context],
    cell_m: float,
) -> dict[str, Any]:
    """Measure one scene, window by window.

    Args:
        source: Its files.
        raw: Folder that the addresses of its files are seen from.
        bands: Names of its bands, where the file does not tell them.
        white: Value of a white surface; None takes it from the type of the pixels.
        contexts: What to measure, by name.
        cell_m: Side of a cell.

    Returns:
        `item`, a STAC item as plain data with the contexts among its properties, and
        `cells`, by context the values of its cells; None where it cannot be told.

    Raises:
        SceneError: It or a file beside it cannot be read, it cannot be placed, or holds no
            data.
    """
    raster = io.open_raster(source.path, bands=bands)
    grid = raster.geobox
    outline = _outline(grid)
    middle = outline.centroid
    acquired = read_acquisition(
        source.path, source.sidecars, longitude_deg=middle.x, latitude_deg=middle.y
    )
    look = _Eye(source.path, raster, white=white, acquired=acquired)
    cells = cut_cells(grid, cell_m=cell_m)
    measured = measure_cells(cells, look=look, contexts=contexts)
    gsd_m = geo.resolution_m(grid)
    height, width = grid.shape
    angles = _angles(acquired)
    properties: dict[str, Any] = {
        **_times(acquired),
        "gsd": gsd_m,
        **_crs(str(grid.crs)),
        "proj:shape": [height, width],
        "proj:transform": list(grid.affine)[:6],
        "bands": [{"name": name} for name in raster.bands],
        "dtype": raster.dtype,
        "nodata_value": _finite(raster.nodata),
        "area_km2": measured.data_px * gsd_m**2 / 1e6,
        "image_hash": fingerprint_pixels(look.overview.image),
        **angles,
        **_plain(measured.scene),
    }
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [PROJECTION, *([VIEW] if angles else [])],
        "id": source.scene_id,
        "geometry": mapping(outline),
        "bbox": list(outline.bounds),
        "properties": properties,
        "links": [],
        "assets": _assets(source, raw, bands=properties["bands"]),
    }
    return {"item": item, "cells": {name: _known(row) for name, row in measured.cells.items()}}


class _Eye:
    """Reads a scene cell by cell, as reflectance."""

    def __init__(
        self, path: Path, raster: geo.Raster, *, white: float | None, acquired: Acquisition
    ) -> None:
        self.raster, self.acquired = raster, acquired
        self.white = _white(raster.dtype) if white is None else white
        self.read = io.open_shrunk(path)
        self.gsd_m = geo.resolution_m(raster.geobox)
        height, width = raster.geobox.shape
        self.overview = Overview(
            self.reflectance(Cell(slice(0, height), slice(0, width)), OVERVIEW_PX)
        )
        if not any(np.isfinite(band).any() for band in self.overview.image.values()):
            raise SceneError(
                f"{path} holds no pixel with data: all are NaN or nodata ({raster.nodata}). "
                "Take it out of the scenes, or correct its nodata value."
            )

    def reflectance(self, cell: Cell, max_px: int) -> dict[str, np.ndarray]:
        pixels = self.read(cell.rows, cell.columns, max_px)
        values = np.ma.filled(pixels.astype(np.float32), np.nan) / np.float32(self.white)
        named = zip(self.raster.bands, values, strict=True)
        shown = {name: band for name, band in named if name != "alpha"}
        return shown or {"alpha": values[0]}

    def __call__(self, cell: Cell) -> View:
        image = self.reflectance(cell, CELL_PX)
        grid = cell.grid(self.raster.geobox)
        shape = next(iter(image.values())).shape
        whole = shape == tuple(grid.shape)
        return View(
            image=image,
            detail=image if whole else self.reflectance(cell.middle(CELL_PX), CELL_PX),
            scene=self.overview,
            geobox=grid if whole else grid.zoom_to(shape),
            pixel_m=self.gsd_m * max(grid.shape) / max(shape),
            gsd_m=self.gsd_m,
            acquired=self.acquired,
        )


def _white(dtype: str) -> float:
    kind = np.dtype(dtype)
    return 1.0 if kind.kind == "f" else 255.0 if kind.itemsize == 1 else 10000.0


def _outline(grid: GeoBox) -> Polygon:
    """Footprint in longitude and latitude, with as many points as its sides need to bend."""
    outline = geo.footprint(grid)
    bent = gpd.GeoSeries([outline.segmentize(outline.length / 64)], crs=str(grid.crs))
    return bent.to_crs("EPSG:4326").simplify(1e-7).iloc[0]


def _times(acquired: Acquisition) -> dict[str, str | None]:
    """What STAC asks for: a moment, or a range without one."""
    if acquired.start is None or acquired.end is None:
        return {"datetime": None, "start_datetime": ANY_TIME[0], "end_datetime": ANY_TIME[1]}
    start, end = (t.isoformat().replace("+00:00", "Z") for t in (acquired.start, acquired.end))
    return {
        "datetime": start if start == end else None,
        "start_datetime": start,
        "end_datetime": end,
    }


def _crs(crs: str) -> dict[str, str]:
    known = CRS.from_user_input(crs)
    authority = known.to_authority()
    return {"proj:code": ":".join(authority)} if authority else {"proj:wkt2": known.to_wkt()}


def _finite(value: float | None) -> float | None:
    """Nodata where it is a number; that NaN is no data goes without saying.

    STAC's own `nodata` may not be null, as it is in a table of scenes with and without.
    """
    return None if value is None or not math.isfinite(value) else value


def _angles(acquired: Acquisition) -> dict[str, float]:
    stated = asdict(acquired)
    names = {"off_nadir": "off_nadir_deg", "sun_azimuth": "sun_azimuth_deg"}
    names["sun_elevation"] = "sun_elevation_deg"
    return {
        f"view:{name}": stated[field] for name, field in names.items() if stated[field] is not None
    }


def _assets(source: Source, raw: Path, *, bands: list[dict[str, str]]) -> dict[str, Any]:
    """The scene and its companions; STAC allows bands for an item that one of its assets has."""
    files = {"image": source.path, **source.companions}
    assets: dict[str, dict[str, Any]] = {
        name: {"href": _href(file, raw), "type": _media_type(file), "roles": ["data"]}
        for name, file in files.items()
    }
    assets["image"]["bands"] = bands
    return assets


def _href(file: Path, raw: Path) -> str:
    inside = Path(*file.parts)
    if ".." in inside.parts:
        inside = file.resolve()
        raw = raw.resolve()
    try:
        return inside.relative_to(raw).as_posix()
    except ValueError as error:
        raise SceneError(
            f"{file} lies outside {raw}: a companion must be among the raw data. "
            "Correct `catalogue.companions`."
        ) from error


def _media_type(file: Path) -> str:
    if file.suffix.lower() in (".tif", ".tiff"):
        return "image/tiff; application=geotiff"
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _known(values: Any) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]


def grid_of(item: Mapping[str, Any]) -> GeoBox:
    """The grid of a scene, from its STAC item."""
    given = item["properties"]
    crs = given.get("proj:code") or given["proj:wkt2"]
    return GeoBox(tuple(given["proj:shape"]), Affine(*given["proj:transform"]), crs)
