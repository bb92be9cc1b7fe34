"""The dataset of a detector as it is now, or as it was at a Git revision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from factory_core.kernel import io
from factory_core.kernel.errors import OutputError

SCENES = "data/catalogue/scenes.parquet"
LABELS = "data/catalogue/labels.parquet"
SELECTION = "data/selection/selection.parquet"
WORKSPACE = "workspace"


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
        revision: Anything that Git takes for a commit; None is what lies in the folder now.

    Raises:
        OutputError: There is no such revision, or its data is neither here nor in the remote.
    """
    if revision is None:
        for path in (SCENES, LABELS, SELECTION):
            if not (root / path).is_file():
                raise OutputError(
                    f"{root / path} is not in the workspace. Bring it with `dvc pull`, or make it "
                    "with `dvc repro select`; or compare two revisions that are committed."
                )
        return _read(root, WORKSPACE)
    with tempfile.TemporaryDirectory() as folder:
        for path in (SCENES, LABELS, SELECTION):
            _fetch(root, revision, path, Path(folder, path))
        return _read(Path(folder), revision)


def _fetch(root: Path, revision: str, path: str, out: Path) -> None:
    from dvc.api import DVCFileSystem  # type: ignore[import-untyped]
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]
    from dvc.scm import RevError  # type: ignore[import-untyped]

    files = DVCFileSystem(repo=str(root), rev=revision)
    try:
        _ = files.repo  # opened at its first use
    except RevError as error:
        raise OutputError(
            f"There is no revision {revision!r} in the Git repository {root.resolve()}. `git log` "
            "and `git tag` list those there are."
        ) from error
    except DvcException as error:
        raise OutputError(
            f"{root.resolve()} is no repository of Git and DVC ({error}). Start in the root of a "
            "detector."
        ) from error
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        known = files.exists(path)
        if known:
            files.get_file(path, str(out))
    except Exception as error:  # each remote has errors of its own
        raise _not_there(revision, path, error) from error
    if not known:
        raise OutputError(
            f"The revision {revision!r} has no {path}: it is older than its first `dvc repro`, or "
            "its dvc.lock was not committed, or the data is neither in the cache nor in a remote. "
            "Try `dvc fetch --all-commits`, or name another revision."
        )


def _not_there(revision: str, path: str, error: Exception) -> OutputError:
    return OutputError(
        f"{path} of the revision {revision!r} is neither in the cache of DVC nor in its remote "
        f"({type(error).__name__}: {error}). Bring it with `dvc fetch --all-commits`, where "
        "somebody has pushed it; else check that revision out and `dvc repro select`."
    )


def _read(root: Path, name: str) -> Version:
    scenes = gpd.GeoDataFrame(io.read_table(root / SCENES))
    return Version(
        name,
        scenes.set_index(scenes["id"].astype(str)).sort_index(),
        dict(io.read_by_scene(root / LABELS)),
        dict(io.read_by_scene(root / SELECTION)),
    )
