"""Ids of labels, by which a label that an annotator changed is known again."""

from __future__ import annotations

import hashlib

import geopandas as gpd
import numpy as np
import shapely

from factory_core.sources.shapes import plain

ID_COLUMN = "id"
# Far less than anyone can draw. The offset keeps round numbers, which labels often have, off the
# edge between two cells, where the last digit would decide.
CELLS_A_PIXEL, OFFSET = 100, 0.4321


def with_ids(drawn: gpd.GeoDataFrame, *, scene_id: str) -> gpd.GeoDataFrame:
    """The labels with an `id` each: their own, or one made from class and shape.

    Args:
        drawn: In pixels of their image.
        scene_id: The image.
    """
    own = drawn[ID_COLUMN] if ID_COLUMN in drawn else [None] * len(drawn)
    taken: dict[object, int] = {}
    ids = []
    for stated, label, shape in zip(own, drawn["label"], drawn.geometry, strict=True):
        name = plain(stated)
        if name is None or not str(name):
            cells = np.floor(shapely.get_coordinates(shape) * CELLS_A_PIXEL + OFFSET)
            content = f"{scene_id} {label} {sorted(cells.astype(int).tolist())}"
            name = hashlib.sha256(content.encode()).hexdigest()[:10]
        # Two labels may be alike to the last digit, or two parts of one.
        number = taken[name] = taken.get(name, 0) + 1
        ids.append(str(name) if number == 1 else f"{name}-{number}")
    return drawn.assign(**{ID_COLUMN: ids})
