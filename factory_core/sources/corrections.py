"""What an annotator changed: labels added, deleted, moved and renamed, known by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
from shapely.geometry.base import BaseGeometry

from factory_core.sources.annotations import to_pixels
from factory_core.sources.ids import ID_COLUMN, with_ids
from factory_core.sources.images import Image

# What is written with a few digits and read back differs by less.
UNMOVED_PX = 0.05


@dataclass(frozen=True)
class Corrections:
    """Labels that differ as `<scene id>/<id>`, sorted; one may be both moved and renamed.

    Attributes:
        added: There was no such label.
        deleted: There is none any more.
        moved: It has another shape or place.
        renamed: It has another class.
    """

    added: tuple[str, ...]
    deleted: tuple[str, ...]
    moved: tuple[str, ...]
    renamed: tuple[str, ...]


def compare(
    before: Mapping[str, gpd.GeoDataFrame],
    after: Mapping[str, gpd.GeoDataFrame],
    *,
    images: Mapping[str, Image],
) -> Corrections:
    """What differs between two states of the labels of the same images.

    Args:
        before: By scene id, in the CRS of the image; with a column `id`, or without: then the
            ids are those that an export gave.
        after: The same, as it came back.
        images: The images; labels of others are not compared.
    """
    old, new = _by_id(before, images), _by_id(after, images)
    both = sorted(old.keys() & new.keys())
    return Corrections(
        added=tuple(sorted(new.keys() - old.keys())),
        deleted=tuple(sorted(old.keys() - new.keys())),
        moved=tuple(
            id_ for id_ in both if old[id_][1].hausdorff_distance(new[id_][1]) > UNMOVED_PX
        ),
        renamed=tuple(id_ for id_ in both if old[id_][0] != new[id_][0]),
    )


def _by_id(
    labels: Mapping[str, gpd.GeoDataFrame], images: Mapping[str, Image]
) -> dict[str, tuple[str, BaseGeometry]]:
    """Class and shape in pixels of every label."""
    found = {}
    for scene_id in labels.keys() & images.keys():
        frame, image = labels[scene_id], images[scene_id]
        drawn = gpd.GeoDataFrame(
            frame.drop(columns=frame.geometry.name), geometry=to_pixels(frame, grid=image.grid)
        )
        rows = with_ids(drawn, scene_id=scene_id)
        for id_, label, geometry in zip(rows[ID_COLUMN], rows["label"], rows.geometry, strict=True):
            found[f"{scene_id}/{id_}"] = (str(label), geometry)
    return found
