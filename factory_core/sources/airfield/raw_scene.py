"""The same ground as a satellite would see it from the side: sensor model and relief exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from scipy.ndimage import map_coordinates

from factory_core.kernel.sensor import Rpc

GEOGRAPHIC = "EPSG:4326"
HEIGHT_M = 380.0
# Height of the hill over the width of the scene: no slope hides what is behind it.
RELIEF_SHARE = 0.08


@dataclass(frozen=True)
class RawScene:
    """A scene in its own viewing geometry.

    Attributes:
        pixels: `(band, height, width)`, 0 where the ground is not that of the scene.
        model: From the ground to the image, exactly.
    """

    pixels: np.ndarray
    model: Rpc


def relief_m(grid: GeoBox, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Height of the ground of a scene above the ellipsoid: a hill and a valley.

    Args:
        grid: The scene on the map, in metres; the land goes on around it.
        x: Places on the map, any shape.
        y: Of the same shape.
    """
    height, width = grid.shape
    across, down = ~grid.affine @ (x, y)
    across, down = across / width, down / height
    hill = np.exp(-((across - 0.35) ** 2 + (down - 0.4) ** 2) / 0.03)
    valley = np.exp(-((across - 0.75 - 0.1 * np.sin(4 * down)) ** 2) / 0.02)
    return np.asarray(HEIGHT_M + _relief_m(grid) * (hill - 0.5 * valley))


def _relief_m(grid: GeoBox) -> float:
    return RELIEF_SHARE * float(grid.affine.a) * int(grid.shape[1])


def view_from_the_side(
    pixels: np.ndarray,
    grid: GeoBox,
    *,
    off_nadir_deg: float = 25.0,
    azimuth_deg: float = 100.0,
    turn_deg: float = 12.0,
) -> RawScene:
    """Render a scene on the map as it is seen from a satellite.

    The model is a rational polynomial with quadratic terms and a denominator, and is itself
    the truth. Each pixel of the image is traced to the ground with relief that it sees.

    Args:
        pixels: `(band, height, width)` on the map.
        grid: Their grid, in metres.
        off_nadir_deg: Of the view; 45 at most, or the hills hide what is behind.
        azimuth_deg: Whence the satellite looks, clockwise from north.
        turn_deg: How far the image is turned, clockwise.
    """
    model, shape = sensor_model(
        grid, off_nadir_deg=off_nadir_deg, azimuth_deg=azimuth_deg, turn_deg=turn_deg
    )
    columns, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    across, down = trace(model, grid, columns, rows)
    there = np.stack([down - 0.5, across - 0.5])
    seen = [map_coordinates(band.astype(float), there, order=3, mode="nearest") for band in pixels]
    height, width = grid.shape
    inside = (across >= 0) & (across <= width) & (down >= 0) & (down <= height)
    lowest, highest = float(pixels.min()), float(pixels.max())
    found = np.where(inside, np.clip(seen, lowest, highest), 0)
    whole = np.rint(found) if pixels.dtype.kind in "iu" else found
    return RawScene(whole.astype(pixels.dtype), model)


def trace(
    model: Rpc, grid: GeoBox, column: np.ndarray, row: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Column and row on the map of the ground that is seen at places of the image."""
    to_map = Transformer.from_crs(GEOGRAPHIC, str(grid.crs), always_xy=True)
    relief = _relief_m(grid)
    low, middle, high = (
        np.stack(to_map.transform(*model.to_ground(column, row, HEIGHT_M + step)))
        for step in (-relief, 0, relief)
    )
    # Along its ray, a place is all but linear in the height: exact with the square.
    slope, bend = (high - low) / 2, (high + low) / 2 - middle
    step = np.zeros(column.shape)
    for _ in range(100):
        place = middle + step * (slope + step * bend)
        found = (relief_m(grid, *place) - HEIGHT_M) / relief
        if np.abs(found - step).max() < 1e-7:
            break
        step = found
    across, down = ~grid.affine @ tuple(place)
    return across, down


def sensor_model(
    grid: GeoBox, *, off_nadir_deg: float, azimuth_deg: float, turn_deg: float
) -> tuple[Rpc, tuple[int, int]]:
    """A model that sees all of `grid` in pixels of about its size, and the shape of its image."""
    to_degrees = Transformer.from_crs(str(grid.crs), GEOGRAPHIC, always_xy=True)
    height, width = grid.shape
    side_m = grid.affine.a
    corners = [grid.affine @ (x, y) for x in (0, width) for y in (0, height)]
    longitude, latitude = to_degrees.transform(*np.array(corners).T)
    middle = (longitude.mean(), latitude.mean())
    reach = (np.ptp(longitude) / 2, np.ptp(latitude) / 2)
    # Metres, and then pixels, of half the extent along longitude and latitude.
    half = (reach[0] * 111_320 * np.cos(np.radians(middle[1])), reach[1] * 110_570)
    turn, azimuth = np.radians(turn_deg), np.radians(azimuth_deg)
    relief = _relief_m(grid)
    lean = np.tan(np.radians(off_nadir_deg)) * relief
    shift = (-np.sin(azimuth) * lean, -np.cos(azimuth) * lean)
    axes = np.array([[half[0], 0, shift[0]], [0, half[1], shift[1]]]) / side_m
    rotation = np.array([[np.cos(turn), np.sin(turn)], [np.sin(turn), -np.cos(turn)]])
    linear = rotation @ axes
    size = np.ceil(2 * np.abs(linear).sum(axis=1)) + 20
    scale = size / 2
    sample, line = linear / scale[:, None]

    def numerator(terms: np.ndarray, bend: float) -> tuple[float, ...]:
        # 1, x, y, z, xy, xz, yz, xx, yy, zz, and the ten of third order.
        return (
            0.0,
            *(float(term) for term in terms),
            bend,
            0.0,
            2e-5,
            bend / 2,
            -bend,
            0.0,
            *([0.0] * 10),
        )

    denominator = (1.0, 2e-4, -1e-4, 5e-5, *([0.0] * 16))
    model = Rpc(
        line_offset_px=float(scale[1]) - 0.5,
        sample_offset_px=float(scale[0]) - 0.5,
        latitude_offset_deg=float(middle[1]),
        longitude_offset_deg=float(middle[0]),
        height_offset_m=HEIGHT_M,
        line_scale_px=float(scale[1]),
        sample_scale_px=float(scale[0]),
        latitude_scale_deg=float(reach[1]),
        longitude_scale_deg=float(reach[0]),
        height_scale_m=relief,
        line_numerator=numerator(line, 1e-3),
        line_denominator=denominator,
        sample_numerator=numerator(sample, -8e-4),
        sample_denominator=denominator,
    )
    return model, (int(size[1]), int(size[0]))
