"""A small raw scene and what must be found in it, so that an installation can be checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from geopandas import GeoDataFrame, GeoSeries
from odc.geo.geobox import GeoBox

from factory_core.bundle.detector import Detector, companion_file
from factory_core.kernel import io
from factory_core.kernel.geo import Raster, cut_windows, footprint, offset_px, window_at

FOLDER = "self_test"
SCENE, EXPECTED = "scene.tif", "expected.geojson"
MAX_BYTES = 600_000
PLACES = 12
PLACES_A_SCENE = 4
# A companion is cut with so much around, for the pixels that reach over the edge.
MARGIN_PX = 8
# Tags that the format itself sets.
OF_THE_FORMAT = ("AREA_OR_POINT", "OVR_RESAMPLING_ALG", "INTERLEAVE")


def write_self_test(
    detector: Detector, scenes: Mapping[str, Path], areas: Mapping[str, GeoSeries], bundle: Path
) -> None:
    """Cut a window of a raw scene and write it with its detections to `bundle`.

    The first of `PLACES` on the ground of the test split where there is a detection,
    or the very first of them.

    Args:
        detector: The bundle, loaded.
        scenes: Raw scenes by id.
        areas: Ground of the test split in each, in a CRS in metres.
        bundle: Folder to write into.
    """
    places = (
        place
        for scene_id, path in scenes.items()
        for place in islice(_places(detector.open(path), areas[scene_id]), PLACES_A_SCENE)
    )
    tried = list(islice(places, PLACES))
    if not any(len(_try(detector, place, bundle)) for place in tried):
        _try(detector, tried[0], bundle)


def _places(raster: Raster, area: GeoSeries) -> Iterator[Raster]:
    """Windows of a raw scene, those with most of `area` first."""
    pixel_bytes = len(raster.bands) * np.dtype(raster.dtype).itemsize
    size_px = min(int((MAX_BYTES / pixel_bytes) ** 0.5), *raster.geobox.shape)
    windows = list(cut_windows(raster.geobox, size_px=size_px))
    outlines = GeoSeries([footprint(window) for window in windows], crs=str(raster.geobox.crs))
    shared = outlines.to_crs(area.crs).intersection(area.union_all()).area
    for index in np.argsort(-shared.to_numpy(), kind="stable"):
        window = windows[index]
        yield _cut(raster, window)


def _cut(raster: Raster, window: GeoBox) -> Raster:
    """A window of a raw scene, with what its companions show of the same ground."""
    row, column = offset_px(window, of=raster.geobox)
    companions = {}
    for name, other in raster.companions.items():
        corners = [~other.geobox.affine @ corner for corner in footprint(window).exterior.coords]
        columns, rows = zip(*corners, strict=True)
        first = (int(min(rows)) - MARGIN_PX, int(min(columns)) - MARGIN_PX)
        last = (int(max(rows)) + MARGIN_PX, int(max(columns)) + MARGIN_PX)
        shape = (last[0] - first[0], last[1] - first[1])
        there = window_at(other.geobox, row=first[0], column=first[1], shape=shape)
        companions[name] = _cut(other, there)
    sensor = raster.sensor and raster.sensor.shifted(column_px=column, row_px=row)
    return replace(raster, geobox=window, sensor=sensor, companions=companions)


def _try(detector: Detector, place: Raster, bundle: Path) -> GeoDataFrame:
    """Write the scene and what is found in it."""
    folder = bundle / FOLDER
    _write(place, folder / SCENE)
    for name, other in place.companions.items():
        _write(other, companion_file(folder / SCENE, name))
    found = detector.detect(detector.open(folder / SCENE), scratch=folder).detections
    io.write_vectors(found, folder / EXPECTED)
    return found


def _write(place: Raster, out: Path) -> None:
    tags = {name: value for name, value in place.tags.items() if name not in OF_THE_FORMAT}
    io.write_cog(
        out,
        geobox=place.geobox,
        bands=place.bands,
        dtype=place.dtype,
        nodata=place.nodata,
        blocks=[(place.geobox, place.read(place.geobox))],
        tags=tags,
        sensor=place.sensor,
    )
