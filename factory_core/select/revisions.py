"""The dataset of a detector as it is now, or as it was at a Git revision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from factory_core.kernel import io
from factory_core.kernel.revisions import open_revision

SCENES = "data/catalogue/scenes.parquet"
LABELS = "data/catalogue/labels.parquet"
SELECTION = "data/selection/selection.parquet"


@dataclass(frozen=True)
class Version:
    """A catalogue and a selection.

    Attributes:
        name: Git revision, or `workspace`.
        scenes: The table of scenes, by id.
        labels: Labels of each scene that has any, in its CRS.
        blocks: Blocks of each scene, in its CRS.
    """

    name: str
    scenes: gpd.GeoDataFrame
    labels: Mapping[str, gpd.GeoDataFrame]
    blocks: Mapping[str, gpd.GeoDataFrame]


def read_version(root: Path, revision: str | None) -> Version:
    """Read the dataset of the detector at `root`.

    What is not in the cache of DVC is fetched from its remote.

    Args:
        root: Root of the repository.
        revision: Anything that Git takes for a commit, or the name of a DVC experiment; None is
            what lies in the folder now.

    Raises:
        OutputError: There is no such revision, or its data is neither here nor in the remote.
    """
    opened = open_revision(root, revision)
    with tempfile.TemporaryDirectory() as folder:
        for path in (SCENES, LABELS, SELECTION):
            opened.bring(path, Path(folder, path))
        return _read(Path(folder), opened.name)


def _read(root: Path, name: str) -> Version:
    scenes = gpd.GeoDataFrame(io.read_table(root / SCENES))
    return Version(
        name,
        scenes.set_index(scenes["id"].astype(str)).sort_index(),
        dict(io.read_by_scene(root / LABELS)),
        dict(io.read_by_scene(root / SELECTION)),
    )
