"""Labels of a scene, checked and numbered by class."""

from __future__ import annotations

import geopandas as gpd

from factory_core.dataset.target import Target
from factory_core.kernel.errors import LabelError, TaxonomyError
from factory_core.kernel.taxonomy import Taxonomy

# What to do with labels of a kind that a target cannot draw.
HINTS = {
    "Point": "Points have no extent: give them one by `point_size_m` of the target `boxes`.",
    "MultiPoint": "Make each of their points a label of its own.",
    "LineString": "Lines need a width: take the target `lines`, or `line_width_m` of `mask`.",
    "MultiLineString": "Lines need a width: take the target `lines`, or `line_width_m` of `mask`.",
}


def number_classes(
    labels: gpd.GeoDataFrame | None, *, scene_id: str, taxonomy: Taxonomy, target: Target
) -> gpd.GeoDataFrame | None:
    """Labels of a scene with the `class_index` at the level of training.

    Args:
        labels: With `label`, or None for a scene without any: it is all background.
        scene_id: Name of the scene, for the messages.
        taxonomy: The class tree.
        target: What will draw them.

    Raises:
        LabelError: A geometry is empty, invalid or of a kind that `target` cannot draw.
        TaxonomyError: A class is unknown, or coarser than the level of training.
    """
    if labels is None or len(labels) == 0:
        return None
    _check_geometries(labels, scene_id=scene_id, target=target)
    names = taxonomy.roll_up(labels["label"])
    coarse = sorted({label for label, name in zip(labels["label"], names, strict=True) if not name})
    if coarse:
        raise TaxonomyError(
            f"Scene {scene_id!r} has labels that are coarser than `taxonomy.level` "
            f"{taxonomy.level}: {', '.join(coarse)}. Label them more finely, or lower the level."
        )
    index = {name: number for number, name in enumerate(taxonomy.names)}
    return gpd.GeoDataFrame(
        {"class_index": [index[name] for name in names if name]},
        geometry=labels.geometry.to_numpy(),
        crs=labels.crs,
    )


def _check_geometries(labels: gpd.GeoDataFrame, *, scene_id: str, target: Target) -> None:
    geometry = labels.geometry
    bad = {
        "empty": geometry.isna() | geometry.is_empty,
        "invalid": ~geometry.is_valid & ~geometry.isna(),
        "of a kind that the target cannot draw": ~geometry.geom_type.isin(target.geometry_types),
    }
    for what, rows in bad.items():
        if rows.any():
            kinds = sorted({str(kind) for kind in geometry.geom_type[rows]})
            hints = list(dict.fromkeys(HINTS[kind] for kind in kinds if kind in HINTS))
            if what in ("empty", "invalid") or not hints:
                hints = ["Mend the labels, or take another target."]
            raise LabelError(
                f"Scene {scene_id!r} has {rows.sum()} label(s) whose geometry is {what}; the first "
                f"is number {rows.to_numpy().argmax()}, {labels['label'][rows].iloc[0]!r}, "
                f"{', '.join(kinds)}. `dataset.target` draws {', '.join(target.geometry_types)}. "
                + " ".join(hints)
            )
