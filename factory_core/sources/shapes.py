"""Shapes of labels: what each is, whether it is sound, and what a poorer format makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LabelError

FEATURES: Mapping[str, str] = {
    "boxes": "upright rectangles in the image",
    "four corners": "rotated boxes and other quadrilaterals",
    "polygons": "outlines of any number of corners",
    "holes": "polygons with holes",
    "several parts": "one label of several polygons, lines or points",
    "lines": "lines",
    "points": "points",
    "scores": "the column `score`",
    "attributes": "every further column",
    "class names": "class names with spaces or other special characters",
    "images without labels": "images that are all background",
    "labels without an image": "labels that lie somewhere on the ground",
}
NEVER_ATTRIBUTES = ("label", "score", "scene_id", "crs", "geometry")
# Coordinates that were written as text and read back differ in their last digits.
ROUNDING = 1e-6


class Loss(StrEnum):
    """What a format does with a feature that it cannot hold; its statement to the reader."""

    LEFT_OUT = "left out"
    BOX = "as the upright box around it"
    CORNERS = "as the smallest rectangle around it"
    CENTRE = "as its centre"
    FILLED = "filled"
    SPLIT = "as one label a part"
    RENAMED = "with other characters"


def features_of(geometry: BaseGeometry) -> tuple[str, ...]:
    """Names of the `FEATURES` that a format must have to hold `geometry` as it is."""
    parts = shapely.get_parts(geometry)
    several = ("several parts",) if len(parts) > 1 else ()
    if not isinstance(parts[0], Polygon):
        return ("points" if parts[0].geom_type == "Point" else "lines", *several)
    holes = ("holes",) if any(len(part.interiors) for part in parts) else ()
    return (*several, *holes, *(() if several or holes else (_outline(parts[0]),)))


def _outline(polygon: Polygon) -> str:
    box = shapely.box(*polygon.bounds)
    if abs(box.area - polygon.area) <= ROUNDING * box.area:
        return "boxes"
    return "four corners" if len(polygon.exterior.coords) == 5 else "polygons"


def carried(
    labels: gpd.GeoDataFrame,
    *,
    cannot: Mapping[str, Loss],
    lose: Callable[[str, int], None],
    attributes: Sequence[str] = (),
    drawn: Sequence[BaseGeometry] | None = None,
) -> gpd.GeoDataFrame:
    """What a format can hold of `labels`; the rest is reduced or left out, and counted.

    Args:
        labels: On the ground.
        cannot: The features that the format cannot hold, and what becomes of them.
        lose: Counts a feature that was lost, `Ledger.lose`.
        attributes: Columns that it holds although it cannot hold `attributes`.
        drawn: The geometries of `labels` in pixels; None takes those on the ground.
    """
    rows: list[int] = []
    shapes: list[BaseGeometry] = []
    for row, geometry in enumerate(labels.geometry if drawn is None else drawn):
        kept = _reduce(geometry, cannot, lose)
        rows += [row] * len(kept)
        shapes += kept
    dropped = [name for name in ("scene_id", "crs") if name in labels]
    if "attributes" in cannot:
        further = [name for name in labels.columns if name not in (*NEVER_ATTRIBUTES, *attributes)]
        further = [name for name in further if name != labels.geometry.name]
        lose("attributes", int(labels[further].notna().to_numpy().sum()))
        dropped += further
    if "scores" in cannot and "score" in labels:
        lose("scores", int(labels["score"].notna().sum()))
        dropped.append("score")
    table = pd.DataFrame(labels).drop(columns=[labels.geometry.name, *dropped]).iloc[rows]
    return gpd.GeoDataFrame(
        table.reset_index(drop=True), geometry=shapes, crs=labels.crs if drawn is None else None
    )


def _reduce(
    geometry: BaseGeometry, cannot: Mapping[str, Loss], lose: Callable[[str, int], None]
) -> list[BaseGeometry]:
    missing = next((name for name in features_of(geometry) if name in cannot), None)
    if missing is None:
        return [geometry]
    lose(missing, 1)
    loss = cannot[missing]
    if loss is Loss.LEFT_OUT:
        return []
    if loss is Loss.BOX:
        return [shapely.box(*geometry.bounds)]
    if loss is Loss.CORNERS:
        return [shapely.oriented_envelope(geometry)]
    if loss is Loss.CENTRE:
        return [geometry.centroid]
    parts = shapely.get_parts(geometry)
    if loss is Loss.FILLED:
        filled = [Polygon(part.exterior) for part in parts]
        parts = [filled[0] if len(filled) == 1 else MultiPolygon(filled)]
    return [shape for part in parts for shape in _reduce(part, cannot, lose)]


def upright(x_min: float, y_min: float, x_max: float, y_max: float) -> Polygon:
    """An upright box.

    Raises:
        LabelError: Its corners are the wrong way round, or it has no width or height.
    """
    if not (x_min < x_max and y_min < y_max):
        raise LabelError(
            f"the box from ({x_min:g}, {y_min:g}) to ({x_max:g}, {y_max:g}) has no width or "
            "height. Expected its smaller corner first."
        )
    return shapely.box(x_min, y_min, x_max, y_max)


def ring(coordinates: Sequence[float]) -> Polygon:
    """A polygon from `x1 y1 x2 y2 ...`.

    Raises:
        LabelError: Fewer than three corners, or half a corner.
    """
    if len(coordinates) < 6 or len(coordinates) % 2:
        raise LabelError(
            f"a polygon needs x and y of at least three corners. Received: {len(coordinates)} "
            "numbers."
        )
    return Polygon(np.reshape(np.asarray(coordinates, float), (-1, 2)))


def check_sound(geometry: BaseGeometry | None) -> BaseGeometry:
    """The geometry, if it is a shape.

    Raises:
        LabelError: It is empty, not finite, covers nothing, or crosses itself.
    """
    if geometry is None or geometry.is_empty:
        raise LabelError("the geometry is empty. Delete it, or draw the object.")
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise LabelError("the geometry has coordinates that are no finite numbers.")
    if not geometry.is_valid and geometry.buffer(0).is_empty and geometry.area == 0:
        raise LabelError(
            "the geometry is degenerate: its corners lie in one line or point. Delete it, or "
            "draw the object."
        )
    if not geometry.is_valid:
        raise LabelError(
            f"the geometry is invalid ({shapely.is_valid_reason(geometry)}). Mend it, or let it "
            "be mended (`--repair`)."
        )
    return geometry


def repaired(geometry: BaseGeometry) -> BaseGeometry:
    """An invalid geometry made valid, its points and lines dropped where it is a polygon."""
    valid = shapely.make_valid(geometry)
    if not geometry.geom_type.endswith("Polygon"):
        return valid
    parts = [each for part in shapely.get_parts(valid) for each in shapely.get_parts(part)]
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])


def plain(value: Any) -> Any:
    """A value of a table as plain Python, for JSON or text; None where there is none."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value
