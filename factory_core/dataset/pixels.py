"""Shapes to pixels: what the targets that are arrays of pixels share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from factory_core.dataset.target import Outlines

POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
LINE_TYPES = (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING)


def widen(
    shapes: np.ndarray, *, width_px: float, cap: Literal["round", "flat"] = "round"
) -> np.ndarray:
    """Lines as areas of a width, at least that of a pixel; other shapes as they are."""
    lines = np.isin(shapely.get_type_id(shapes), LINE_TYPES)
    wide = shapely.buffer(shapes[lines], max(width_px, 1.0) / 2, cap_style=cap)
    widened = shapes.copy()
    widened[lines] = wide
    return widened


def draw_numbers(
    shapes: np.ndarray, numbers: np.ndarray, *, shape: tuple[int, int], dtype: str
) -> np.ndarray:
    """Array of `shape`: a pixel has the number of the smallest shape over its centre, or 0."""
    drawn = np.zeros(shape, dtype)
    largest_first = np.argsort(-shapely.area(shapes), kind="stable")
    if len(shapes):
        rasterize(
            [(shapes[index], int(numbers[index])) for index in largest_first],
            out=drawn,
            transform=Affine.identity(),
        )
    return drawn


def sees_a_pixel(shapes: np.ndarray, labels: Outlines) -> np.ndarray:
    """Which of `shapes` have the area of a pixel inside the window, or half their own."""
    height, width = labels.shape
    inside = shapely.area(shapely.intersection(shapes, shapely.box(0, 0, width, height)))
    seen: np.ndarray = (inside > 0) & (inside >= np.minimum(1.0, shapely.area(shapes) / 2))
    return seen
