"""Tables of the page: classes at every level, and classes by context."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from factory_core.catalogue.explore.charts import draw_histogram, draw_range
from factory_core.catalogue.explore.read import Collection
from factory_core.catalogue.explore.words import title
from factory_core.kernel.units import unit_of

MOST_CLASSES = 40
SHARE_EDGES = (1 / 3, 2 / 3)
# Numbers that differ by less are one and the same.
ALIKE = 0.01


def list_classes(collection: Collection) -> list[dict[str, Any]]:
    """A row a class, at every level of the tree, parents before their children."""
    labels = collection.labels
    parts = labels["class_path"].str.split("/")
    paths = sorted(
        {"/".join(p[:i]) for p in parts.drop_duplicates() for i in range(1, len(p) + 1)}
        if len(labels)
        else []
    )
    sizes = labels["length_m"][labels["length_m"] > 0]
    low, high = (sizes.min(), sizes.max()) if len(sizes) else (1.0, 1.0)
    rows = []
    for path in paths[:MOST_CLASSES]:
        inside = (labels["class_path"] == path) | labels["class_path"].str.startswith(f"{path}/")
        here = labels[inside]
        lengths = here["length_m"][here["length_m"] > 0]
        rows.append(
            {
                "name": path.rpartition("/")[2],
                "level": path.count("/"),
                "labels": len(here),
                "share": len(here) / len(labels),
                "scenes": here["scene_id"].nunique(),
                "range": draw_range(lengths, low=low, high=high) if len(lengths) else None,
                **{
                    name: _median(here[name])
                    for name in ("length_m", "length_px", "area_m2", "aspect", "neighbour_m")
                },
            }
        )
    return rows


def _median(values: pd.Series) -> float | None:
    known = values[values.notna()]
    return float(known.median()) if len(known) and known.max() > 0 else None


def describe_contexts(collection: Collection) -> list[dict[str, Any]]:
    """Distribution of each context that is known for some scene."""
    found = []
    for name in collection.contexts:
        values = collection.scenes[name].dropna().to_numpy(float)
        if not len(values):
            continue
        unit = unit_of(name)
        low, high = (0.0, 1.0) if not unit else (float(values.min()), float(values.max()))
        if high - low < ALIKE * abs(high):
            low, high = 0.5 * low, 1.5 * high
        found.append(
            {
                "title": title(name),
                "low": _with_unit(low, unit),
                "high": _with_unit(high, unit),
                "median": _with_unit(float(np.median(values)), unit),
                "unknown": len(collection.scenes) - len(values),
                "chart": draw_histogram(values, low=low, high=high),
            }
        )
    return found


def _with_unit(value: float, unit: str) -> str:
    return f"{value:.3g}{unit if unit == '°' else f' {unit}' if unit else ''}"


def cross_contexts(collection: Collection) -> list[dict[str, Any]]:
    """For each context that differs between scenes, the labels of each class in its slices."""
    labels, scenes = collection.labels, collection.scenes
    found = []
    order = list(labels["leaf"].value_counts().index[:MOST_CLASSES])
    for name in collection.contexts:
        slices = _slices(scenes[name].astype(float), unit=unit_of(name))
        if slices is None or not order:
            continue
        where = slices.reindex(labels["scene_id"]).to_numpy()
        counts = pd.crosstab(labels["leaf"], where).reindex(
            index=order, columns=slices.cat.categories, fill_value=0
        )
        total = np.maximum(counts.sum(axis=1).to_numpy()[:, None], 1)
        found.append(
            {
                "title": title(name),
                "columns": [
                    (str(column), int((slices == column).sum())) for column in counts.columns
                ],
                "rows": [
                    (row, list(zip(map(int, numbers), shares, strict=True)))
                    for row, numbers, shares in zip(
                        order, counts.to_numpy(), counts.to_numpy() / total, strict=True
                    )
                ],
            }
        )
    return found


def _slices(values: pd.Series, *, unit: str) -> pd.Series | None:
    """The slice of each scene, by its range; None where all known ones are in one."""
    known = values.dropna()
    if known.empty or (unit and np.ptp(known) < ALIKE * abs(known.max())):
        return None
    cuts = known.quantile([1 / 3, 2 / 3]).unique() if unit else np.array(SHARE_EDGES)
    edges = [-np.inf, *(cut for cut in cuts if known.min() < cut), np.inf]
    limits = [_with_unit(edge, unit) if unit else f"{edge:.2f}" for edge in edges[1:-1]]
    if not limits:
        return None
    between = [f"{low} \N{EN DASH} {high}" for low, high in pairwise(limits)]
    names = [f"< {limits[0]}", *between, f"\N{GREATER-THAN OR EQUAL TO} {limits[-1]}"]
    slices = pd.Series(pd.cut(values, edges, labels=names, right=False), index=values.index)
    slices = slices.cat.remove_unused_categories()
    return slices if len(slices.cat.categories) > 1 else None
