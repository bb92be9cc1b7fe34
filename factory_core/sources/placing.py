"""Labels among the raw data, on the images that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd

from factory_core.catalogue.labels import place_labels
from factory_core.kernel import geo
from factory_core.kernel.errors import LabelError
from factory_core.sources import deposit
from factory_core.sources.images import Image

LONGITUDE_LATITUDE = "EPSG:4326"


def place(frame: gpd.GeoDataFrame, images: Mapping[str, Image], path: Path) -> gpd.GeoDataFrame:
    """The labels of one file, each on its scene, or on every scene that shows it.

    Raises:
        LabelError: No column `label`, an unknown `scene_id`, or labels outside every scene.
    """
    if "label" not in frame:
        raise LabelError(f"{path} has no column `label` with the class of each feature.")
    if "scene_id" not in frame:
        frame = frame.assign(scene_id=None)
    outlines = gpd.GeoDataFrame(
        {
            "id": list(images),
            "gsd": [geo.resolution_m(image.grid) for image in images.values()],
        },
        geometry=[image.grid.geographic_extent.geom for image in images.values()],
        crs=LONGITUDE_LATITUDE,
    )
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    frame = deposit.with_geometry(frame)
    # Only what places a label: a column of its own, `id` say, may have the name of one of a scene.
    placed = place_labels(frame[["label", "scene_id", "geometry"]], outlines, path=path)
    return frame.loc[placed.index].assign(scene_id=placed["scene_id"].to_numpy())


def by_scene(
    frames: Sequence[gpd.GeoDataFrame], images: Mapping[str, Image]
) -> Iterator[tuple[str, gpd.GeoDataFrame]]:
    """The labels of each image, of all frames that `place` gave, in the CRS of the image."""
    for scene_id, image in images.items():
        rows = [
            frame[frame["scene_id"] == scene_id].to_crs(str(image.grid.crs)) for frame in frames
        ]
        rows = [each.dropna(axis="columns", how="all") for each in rows if len(each)]
        if rows:
            table = pd.concat(rows, ignore_index=True)
            yield scene_id, table.drop(columns=["scene_id", "crs"], errors="ignore")
