"""What each unit holds: labels by class and context, and ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.taxonomy import Taxonomy
from factory_core.select.units import Unit


@dataclass(frozen=True)
class Counts:
    """What the units hold.

    Attributes:
        labels: A row a label that lies in a unit: `unit`, `label`, `scene_id`, and the value of
            each context there.
        ground: A row a piece of a unit in one cell of the contexts: `unit`, `area_m2`, and the
            value of each context. Ground that several scenes show counts once a scene.
        labelled_m2: `(unit,)`: ground in windows with a label.
        area_m2: `(unit,)`: all of its ground.
    """

    labels: pd.DataFrame
    ground: pd.DataFrame
    labelled_m2: np.ndarray
    area_m2: np.ndarray

    def of_label(
        self, name: str, *, taxonomy: Taxonomy, where: np.ndarray | None = None
    ) -> np.ndarray:
        """`(unit,)`: labels of a class, or below it, in each unit, `where` that holds."""
        under = {label: name in taxonomy.path(label) for label in self.labels["label"].unique()}
        kept = self.labels["label"].map(under).to_numpy(dtype=bool)
        kept = kept if where is None else kept & where
        return self._sum(self.labels["unit"].to_numpy()[kept], None)

    def all_labels(self, where: np.ndarray | None = None) -> np.ndarray:
        """`(unit,)`: labels of any class."""
        units = self.labels["unit"].to_numpy()
        return self._sum(units if where is None else units[where], None)

    def of_ground(self, values: np.ndarray) -> np.ndarray:
        """`(unit,)`: square metres times `values`, of the rows of `ground`; NaN counts nothing."""
        weights = self.ground["area_m2"].to_numpy() * np.nan_to_num(values)
        return self._sum(self.ground["unit"].to_numpy(), weights)

    def _sum(self, units: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        found = np.bincount(units.astype(int), weights=weights, minlength=len(self.area_m2))
        return found.astype(float)


def count(
    units: Sequence[Unit],
    labels: Mapping[str, gpd.GeoDataFrame],
    contexts: Mapping[str, gpd.GeoDataFrame],
    *,
    of_scene: pd.DataFrame,
    window_m: float | None,
) -> Counts:
    """Count what lies in each unit.

    Args:
        units: Ground, in the CRS of each scene.
        labels: Labels of each scene that has any, in its CRS; one counts where a point
            inside it lies.
        contexts: Cells of each scene with a column a context, in its CRS.
        of_scene: The contexts of a scene as a whole, by its id, for scenes without cells.
        window_m: Side of a window on the ground; None counts no labelled ground.
    """
    pieces: dict[str, list[tuple[int, BaseGeometry]]] = {}
    for number, unit in enumerate(units):
        for name, piece in unit.pieces.items():
            pieces.setdefault(name, []).append((number, piece))
    names = list(of_scene.columns)
    by_scene = of_scene.to_dict("index")
    label_rows, ground_rows = [], []
    labelled = np.zeros(len(units))
    for name, own in pieces.items():
        numbers = np.array([number for number, _ in own])
        shapes = np.array([piece for _, piece in own], dtype=object)
        cells = contexts.get(name)
        whole = by_scene[name]
        if name in labels and len(labels[name]):
            rows, points = _labels_in(numbers, shapes, labels[name])
            label_rows.append(rows.join(_values_at(points, cells, whole, names)))
            if window_m:
                labelled += _labelled_m2(rows["unit"], points, units, name, window_m)
        ground_rows.append(_ground_in(numbers, shapes, cells, whole, names))
    columns = ["unit", "label", *names]
    found = pd.concat(label_rows, ignore_index=True) if label_rows else pd.DataFrame()
    area = np.array([sum(piece.area for piece in unit.pieces.values()) for unit in units])
    return Counts(
        found.reindex(columns=columns),
        pd.concat(ground_rows, ignore_index=True)
        if ground_rows
        else pd.DataFrame(columns=["unit", "area_m2", *names]),
        np.minimum(labelled, area),
        area,
    )


def _labels_in(
    numbers: np.ndarray, shapes: np.ndarray, labels: gpd.GeoDataFrame
) -> tuple[pd.DataFrame, np.ndarray]:
    points = labels.representative_point().to_numpy()
    of_label, place = STRtree(shapes).query(points, predicate="intersects")
    _, first = np.unique(of_label, return_index=True)  # a point on the edge of two pieces
    of_label, place = of_label[first], place[first]
    rows = {"unit": numbers[place], "label": labels["label"].to_numpy()[of_label]}
    return pd.DataFrame(rows), points[of_label]


def _values_at(
    points: np.ndarray,
    cells: gpd.GeoDataFrame | None,
    whole: Mapping[Any, float],
    names: Sequence[str],
) -> pd.DataFrame:
    """The contexts at each point: of its cell, else of the scene."""
    values = pd.DataFrame({name: np.full(len(points), whole[name]) for name in names})
    if cells is None or not len(cells) or not len(points):
        return values.astype(float)
    of_point, cell = STRtree(cells.geometry.to_numpy()).query(points, predicate="intersects")
    _, first = np.unique(of_point, return_index=True)
    for name in (name for name in names if name in cells):
        values.loc[of_point[first], name] = cells[name].to_numpy(dtype=float)[cell[first]]
    return values.astype(float)


def _ground_in(
    numbers: np.ndarray,
    shapes: np.ndarray,
    cells: gpd.GeoDataFrame | None,
    whole: Mapping[Any, float],
    names: Sequence[str],
) -> pd.DataFrame:
    if cells is None or not len(cells):
        rows = pd.DataFrame({"unit": numbers, "area_m2": shapely.area(shapes)})
        return rows.assign(**{name: float(whole[name]) for name in names})
    own = cells.geometry.to_numpy()
    place, cell = STRtree(own).query(shapes, predicate="intersects")
    area = shapely.area(shapely.intersection(shapes[place], own[cell]))
    rows = pd.DataFrame({"unit": numbers[place], "area_m2": area})
    for name in names:
        known = cells[name].to_numpy(dtype=float) if name in cells else None
        rows[name] = float(whole[name]) if known is None else known[cell]
    return rows


def _labelled_m2(
    unit_of: pd.Series, points: np.ndarray, units: Sequence[Unit], name: str, window_m: float
) -> np.ndarray:
    """Ground of each unit in the windows of a regular grid that hold a label."""
    found = np.zeros(len(units))
    corners = np.floor(shapely.get_coordinates(points) / window_m).astype(int)
    table = pd.DataFrame({"unit": unit_of.to_numpy(), "x": corners[:, 0], "y": corners[:, 1]})
    for number, x, y in table.drop_duplicates().itertuples(index=False):
        left, low = x * window_m, y * window_m
        square = shapely.box(left, low, left + window_m, low + window_m)
        found[number] += square.intersection(units[number].pieces[name]).area
    return found
