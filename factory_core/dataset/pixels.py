"""Shapes to pixels: what the targets that are arrays of pixels share."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import shapely
from affine import Affine
from rasterio.features import rasterize

from factory_core.dataset.target import Outlines

POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")


def widen(
    shapes: np.ndarray, *, width_px: float, cap: Literal["round", "flat"] = "round"
) -> np.ndarray:
    """Lines as areas of a width, at least that of a pixel; other shapes as they are."""
    types = shapely.get_type_id(shapes)
    lines = (types == shapely.GeometryType.LINESTRING) | (
        types == shapely.GeometryType.MULTILINESTRING
    )
    if not lines.any():
        return shapes
    widened = shapes.copy()
    widened[lines] = shapely.buffer(shapes[lines], max(width_px, 1.0) / 2, cap_style=cap)
    return widened


def draw_numbers(
    shapes: np.ndarray, numbers: np.ndarray, *, shape: tuple[int, int], dtype: str
) -> np.ndarray:
    """Array of `shape`: a pixel has the number of the smallest shape over its centre, or 0."""
    drawn = np.zeros(shape, dtype)
    if len(shapes):
        largest_first = np.argsort(-shapely.area(shapes), kind="stable")
        # As JSON all shapes are handed over at once, and not point by point.
        texts = shapely.to_geojson(shapes[largest_first])
        values = numbers[largest_first].tolist()
        pairs = [(json.loads(text), int(value)) for text, value in zip(texts, values, strict=True)]
        rasterize(pairs, out=drawn, transform=Affine.identity())
    return drawn


def sees_a_pixel(shapes: np.ndarray, labels: Outlines) -> np.ndarray:
    """Which of `shapes` have the area of a pixel inside the window, or half their own."""
    height, width = labels.shape
    areas = shapely.area(shapes)
    inside = areas.copy()
    corners = shapely.bounds(shapes).reshape(-1, 4)
    over = (corners[:, :2] < 0).any(axis=1) | (corners[:, 2:] > (width, height)).any(axis=1)
    window = shapely.box(0, 0, width, height)
    inside[over] = shapely.area(shapely.intersection(shapes[over], window))
    seen: np.ndarray = (inside > 0) & (inside >= np.minimum(1.0, areas / 2))
    return seen
