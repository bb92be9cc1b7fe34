"""Labels: checked one by one, placed on the scenes that show them, counted."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS
from shapely import area, buffer, intersection, is_valid_reason, length
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import io
from factory_core.kernel.errors import LabelError, TaxonomyError, nearest
from factory_core.kernel.geo import METRES_A_DEGREE
from factory_core.kernel.taxonomy import Taxonomy

# A label of which a scene shows less than this share only touches its edge.
MIN_SHARE = 1e-3
ENDINGS = (".parquet", ".gpkg", ".geojson")


def find_labels(raw: Path, pattern: str) -> list[Path]:
    """Files of labels under `raw` that match the glob `pattern`, sorted.

    Raises:
        LabelError: None matches.
    """
    paths = sorted(path for path in raw.glob(pattern) if path.suffix in ENDINGS)
    if not paths:
        raise LabelError(
            f"No {', '.join(ENDINGS)} under {raw} matches `catalogue.labels` ({pattern}). Put the "
            "labels there, or correct the pattern."
        )
    return paths


def read_labels(path: Path, *, taxonomy: Taxonomy) -> gpd.GeoDataFrame:
    """Read one file of labels and check every row of it.

    Returns:
        `label`, `scene_id` (None where the file does not tell it) and geometry; the
        index is the row in the file, counted from 1.

    Raises:
        LabelError: No column `label`, an unknown class, a geometry that is missing, empty,
            invalid or of another kind than the first; names the file and the row.
    """
    frame = io.read_vectors(path)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    if "label" not in frame:
        names = [str(name) for name in frame.columns if name != frame.geometry.name]
        raise LabelError(
            f"{path} has no column `label` with the class of each feature. Its columns: "
            f"{', '.join(names) or 'none'}. Rename the one that holds the class."
        )
    if "scene_id" not in frame:
        frame["scene_id"] = None
    frame = gpd.GeoDataFrame(
        {"label": frame["label"], "scene_id": frame["scene_id"]}, geometry=frame.geometry
    )
    _check_classes(frame, path, taxonomy)
    _check_geometries(frame, path)
    return frame


def _check_classes(frame: gpd.GeoDataFrame, path: Path, taxonomy: Taxonomy) -> None:
    for row, label in frame["label"].drop_duplicates().items():
        if not isinstance(label, str):
            raise LabelError(
                f"{path}, row {row}: `label` must be the name of a class. Received: {label!r}."
            )
        try:
            taxonomy.path(label)
        except TaxonomyError as error:
            raise LabelError(f"{path}, row {row}: {error}") from error


def _check_geometries(frame: gpd.GeoDataFrame, path: Path) -> None:
    empty = frame.geometry.isna() | frame.geometry.is_empty
    if empty.any():
        raise LabelError(
            f"{path}, {_rows(empty)}: the geometry is empty. Delete the row, or draw the object."
        )
    invalid = ~frame.geometry.is_valid
    if invalid.any():
        reason = is_valid_reason(frame.geometry[invalid].iloc[0])
        raise LabelError(
            f"{path}, {_rows(invalid)}: the geometry is invalid ({reason}). Repair it "
            "(`geopandas.GeoSeries.make_valid`, or Fix geometries in QGIS)."
        )
    kinds = frame.geometry.map(_kind)
    other = kinds != next(iter(kinds), None)
    if other.any():
        raise LabelError(
            f"{path}, {_rows(other)}: a {kinds[other].iloc[0]} among features that are each a "
            f"{kinds.iloc[0]}. Keep one kind of geometry in a file of labels."
        )


def _kind(geometry: BaseGeometry) -> str:
    return str(geometry.geom_type).removeprefix("Multi").replace("LinearRing", "LineString").lower()


def _rows(which: pd.Series) -> str:
    rows = list(which.index[which])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"row {', '.join(map(str, rows[:3]))}{more}"


def place_labels(
    labels: gpd.GeoDataFrame, scenes: gpd.GeoDataFrame, *, path: Path
) -> gpd.GeoDataFrame:
    """Put each label on its scene, or on every scene that shows a part of it.

    Args:
        labels: What `read_labels` gave for `path`.
        scenes: The table of scenes: `id` and outline.
        path: File of the labels, for messages.

    Returns:
        `labels` with a `scene_id` in each row, whole geometries, one row a scene and label.

    Raises:
        LabelError: A `scene_id` that does not exist, or labels outside (all, or their) scene.
    """
    known = dict.fromkeys(scenes["id"])
    stated = labels["scene_id"].notna()
    for scene_id in labels.loc[stated, "scene_id"].unique():
        if scene_id not in known:
            raise LabelError(
                f"{path}, {_rows(labels['scene_id'] == scene_id)}: there is no scene {scene_id!r}."
                f"{nearest(str(scene_id), known)} A `scene_id` is the file name of a scene without "
                "ending; without the column, labels are placed by location."
            )
    outlines = scenes[["id", "geometry"]].set_geometry("geometry")
    # A point on the very edge may come to lie a hair outside on the way through other CRSs.
    rim_deg = 0.5 * scenes["gsd"].to_numpy(float) / METRES_A_DEGREE
    reach = outlines.set_geometry(buffer(outlines.geometry.to_numpy(), rim_deg), crs=outlines.crs)
    met = gpd.sjoin(labels.to_crs(outlines.crs), reach, predicate="intersects")
    right = met["scene_id"].isna() | (met["scene_id"] == met["id"])
    met = met[right & _is_shown(met, outlines)]
    lost = ~labels.index.isin(met.index)
    if lost.any():
        raise LabelError(
            f"{path}, {_rows(pd.Series(lost, index=labels.index))}: {lost.sum()} of {len(labels)} "
            "labels lie outside every scene, or outside the scene that they name. Check the CRS "
            f"of the labels ({_name(labels.crs)}) and of the scenes, add the scenes, or delete "
            "the labels."
        )
    placed = labels.loc[met.index].assign(scene_id=met["id"].to_numpy())
    order = np.lexsort((placed.index.to_numpy(), placed["scene_id"].to_numpy(dtype=str)))
    return placed.iloc[order]


def _name(crs: CRS) -> str:
    return ":".join(crs.to_authority() or ("", crs.name)).lstrip(":")


def _is_shown(met: gpd.GeoDataFrame, outlines: gpd.GeoDataFrame) -> np.ndarray:
    """Whether each label, with its outline of the scene `index_right`, is more than touched."""
    labels = met.geometry.to_numpy()
    inside = intersection(labels, outlines.geometry.loc[met["index_right"]].to_numpy())
    whole = np.where(area(labels) > 0, area(labels), length(labels))
    shown = np.where(area(labels) > 0, area(inside), length(inside))
    return np.asarray((whole == 0) | (shown > MIN_SHARE * whole))


def count_labels(labels: pd.DataFrame, *, taxonomy: Taxonomy) -> dict[str, int]:
    """Number of labels in each class of the tree; a label counts in every class above it too."""
    counts = dict.fromkeys(taxonomy.all_names(), 0)
    for label, number in labels["label"].value_counts().items():
        for name in taxonomy.path(str(label)):
            counts[name] += int(number)
    return counts
