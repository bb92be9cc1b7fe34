"""The contexts of every window, from those that the catalogue measured on a grid."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from factory_core.kernel import io
from factory_core.kernel.errors import SelectionError


def read_contexts(catalogue: Path, *, names: list[str]) -> dict[str, gpd.GeoDataFrame]:
    """Cells of each scene with a column for each context.

    Args:
        catalogue: Folder with `contexts.parquet`: a row a cell of ground. A catalogue of
            before has none; then each scene is one cell, with its own values.
        names: The contexts that the configuration names.

    Raises:
        SelectionError: One is in no table.
    """
    if not names:
        return {}
    table = catalogue / "contexts.parquet"
    if table.is_file():
        cells = dict(io.read_by_scene(table))
    else:
        table = catalogue / "scenes.parquet"
        scenes = io.read_table(table)
        cells = {str(scene_id): rows for scene_id, rows in scenes.groupby("id", sort=True)}
    for frame in cells.values():
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise SelectionError(
                f"{table} lacks the contexts {', '.join(missing)} of `catalogue.contexts`. Run "
                "the stage catalogue again."
            )
    return {scene_id: frame[[*names, "geometry"]] for scene_id, frame in cells.items()}


def weigh_contexts(cells: gpd.GeoDataFrame, footprints: gpd.GeoSeries) -> pd.DataFrame:
    """Mean of the contexts over each of `footprints`, each cell weighted by its shared area.

    Args:
        cells: Polygons with a column for each context; a value that is missing does not count.
        footprints: Outlines of windows.

    Returns:
        One row a window, one float column a context; NaN where nothing was measured.
    """
    cells = cells.to_crs(footprints.crs)
    names = [name for name in cells.columns if name != "geometry"]
    windows, met = cells.sindex.query(footprints.geometry, predicate="intersects")
    shapes = footprints.to_numpy()[windows], cells.geometry.to_numpy()[met]
    areas = shapely.area(shapely.intersection(*shapes))
    means = {}
    for name in names:
        values = cells[name].to_numpy(np.float64)[met]
        weights = np.where(np.isnan(values), 0.0, areas)
        total = np.bincount(windows, weights, minlength=len(footprints))
        weighted = np.bincount(windows, weights * np.nan_to_num(values), minlength=len(footprints))
        means[name] = np.divide(weighted, total, out=np.full(len(total), np.nan), where=total > 0)
    return pd.DataFrame(means, index=range(len(footprints)))
