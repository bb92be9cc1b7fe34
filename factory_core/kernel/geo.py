"""Windows and rasters over an odc-geo GeoBox: cut, place, measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS
from shapely.geometry import Polygon

from factory_core.kernel.sensor import Sensor

# Of latitude, and of longitude at the equator; good to half a percent.
METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True)
class Raster:
    """A scene to be read window by window; a chain of parts wraps one in the other.

    Attributes:
        scene_id: Name of the scene, its file name without the ending.
        geobox: CRS, affine and shape `(height, width)`.
        bands: Name of each band, lower case (`blue`, `green`, `red`, `nir`, ...).
        dtype: numpy type of the pixels.
        nodata: Value of the pixels without data, or None.
        read: Takes a window as GeoBox on the grid of `geobox`, gives
            `(band, height, width)` of `dtype`; outside the scene it gives nodata, or 0.
        sensor: None for a scene on the map; else how a scene in its own viewing geometry
            lies on the ground, whose `geobox` is then only the nearest affine grid.
        companions: Rasters of the same place that go with it, by name: `pan`, say.
        tags: What the file says of itself (`ACQUISITIONDATETIME`, say).
    """

    scene_id: str
    geobox: GeoBox
    bands: tuple[str, ...]
    dtype: str
    nodata: float | None
    read: Callable[[GeoBox], np.ndarray]
    sensor: Sensor | None = None
    companions: Mapping[str, Raster] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScoreMap:
    """What a dense model gives for a scene: one band a class.

    Attributes:
        scene_id: Name of the scene.
        geobox: CRS in metres, affine and shape `(height, width)`.
        classes: Name of each band.
        scores: `(class, height, width)`, uint8: score times 255.
    """

    scene_id: str
    geobox: GeoBox
    classes: tuple[str, ...]
    scores: np.ndarray


def cut_windows(scene: GeoBox, *, size_px: int, overlap_px: int = 0) -> Iterator[GeoBox]:
    """Cut a scene into equal square windows that cover every pixel.

    The last window of a row or column is moved back into the scene; a scene
    smaller than the window gets one that reaches over its right and lower edge.

    Args:
        scene: The grid to cut.
        size_px: Side of a window.
        overlap_px: Pixels that neighbours share, at least.

    Yields:
        Windows of shape `(size_px, size_px)`, row by row.

    Raises:
        ValueError: `overlap_px` is not smaller than `size_px`.
    """
    height, width = scene.shape
    for row in starts_px(height, size_px=size_px, overlap_px=overlap_px):
        for column in starts_px(width, size_px=size_px, overlap_px=overlap_px):
            yield window_at(scene, row=row, column=column, shape=(size_px, size_px))


def starts_px(length_px: int, *, size_px: int, overlap_px: int = 0) -> list[int]:
    """First pixels of the windows that cover one side of a scene."""
    if not 0 <= overlap_px < size_px:
        raise ValueError(
            f"`overlap_px` must lie in [0, {size_px}), or the windows would not advance. "
            f"Received: overlap_px={overlap_px}. Use a quarter of the window: {size_px // 4}."
        )
    last = max(length_px - size_px, 0)
    starts = list(range(0, last, size_px - overlap_px))
    return [*starts, last]


def window_at(scene: GeoBox, *, row: int, column: int, shape: tuple[int, int]) -> GeoBox:
    """The window of `shape` whose first pixel is `(row, column)` of `scene`."""
    return GeoBox(shape, scene.affine @ Affine.translation(column, row), scene.crs)


def offset_px(window: GeoBox, *, of: GeoBox) -> tuple[int, int]:
    """Row and column, in `of`, of the first pixel of `window`."""
    column, row = ~of.affine @ (window.affine.c, window.affine.f)
    return round(row), round(column)


def footprint(geobox: GeoBox) -> Polygon:
    """Outline of a grid in its own CRS."""
    height, width = geobox.shape
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    return Polygon([geobox.affine @ corner for corner in corners])


def resolution_m(geobox: GeoBox) -> float:
    """Side of a pixel in metres, at the centre of a grid in any CRS."""
    if is_metric(geobox.crs):
        return float(np.sqrt(abs(geobox.affine.determinant)))
    height, width = geobox.shape
    middle = window_at(geobox, row=height // 2, column=width // 2, shape=(1, 1))
    there = middle.footprint(metric_crs(geobox), buffer=0)
    return float(np.sqrt(there.area))


def oriented_corners(xylwa: np.ndarray) -> np.ndarray:
    """Corners `(n, 4, 2)` float64 of boxes of any direction, one after the other.

    Args:
        xylwa: `(n, 5)`: x and y of the centre, length, width, and the angle of the length against
            the x axis in radians, positive from x towards y.
    """
    x, y, length, width, angle = np.asarray(xylwa, np.float64).reshape(-1, 5).T
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * length[:, None] / 2
    across = np.stack([-np.sin(angle), np.cos(angle)], axis=-1) * width[:, None] / 2
    corners = [-along - across, along - across, along + across, -along + across]
    placed: np.ndarray = np.stack([x, y], axis=-1)[:, None] + np.stack(corners, axis=1)
    return placed


def is_metric(crs: object) -> bool:
    """Whether `crs` is projected and counts in metres."""
    found = _pyproj(str(crs))
    return found.is_projected and all(
        axis.unit_conversion_factor == 1.0 for axis in found.axis_info[:2]
    )


def metric_crs(geobox: GeoBox) -> str:
    """CRS in metres for a scene: its own if it is one, else the UTM zone of its centre."""
    if is_metric(geobox.crs):
        return str(geobox.crs)
    (longitude, latitude) = geobox.geographic_extent.centroid.coords[0]
    zone = int((longitude + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


@lru_cache
def _pyproj(crs: str) -> CRS:
    return CRS.from_user_input(crs)
