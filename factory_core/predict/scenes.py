"""Scenes under way: what of each is finished, where its blocks are kept, which have failed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from geopandas import GeoSeries

from factory_core.kernel import io
from factory_core.kernel.errors import FactoryError, SceneError

Item = TypeVar("Item")
UNDER_WAY = ".scenes"
NAMED = 5
# Batches that small scenes share: more would leave less to share out among workers.
GROUP_BATCHES = 4
# Blocks that are one piece of work at most, and pieces that each of several workers has at least.
MOST_BLOCKS = 8
PIECES = 4


@dataclass(frozen=True)
class Scene:
    """One scene to work on, as it can be sent to another process or host.

    Attributes:
        path: The processed scene.
        area: What of it belongs to the split.
        folder: Where its blocks are kept until it is finished; another one for other pixels
            or another area.
        out: What is written of it, without the ending.
    """

    path: Path
    area: GeoSeries
    folder: Path
    out: Path

    @property
    def name(self) -> str:
        """Name of the scene."""
        return self.path.stem

    @property
    def done(self) -> Path:
        """A file that exists once the scene is finished."""
        return self.folder.with_name(f"{self.folder.name}.done")


@dataclass(frozen=True)
class Survey:
    """What of a scene is worth computing.

    Attributes:
        blocks: Row and column of each block.
        windows: How many windows they have.
    """

    blocks: Sequence[tuple[int, int]]
    windows: int


def scene_in(work: Path, *, path: Path, area: GeoSeries) -> Scene:
    """The scene at `path`, of which `area` is computed into the folder `work`."""
    of = [io.identity([path]), area.to_wkb(hex=True).tolist(), str(area.crs)]
    digest = hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]
    return Scene(path, area, work / UNDER_WAY / f"{path.stem}.{digest}", work / path.stem)


def begin(work: Path, scenes: Sequence[Scene]) -> list[Scene]:
    """The scenes that are not finished; what an earlier run left of any other is removed."""
    (work / UNDER_WAY).mkdir(exist_ok=True)
    known = {path.name for scene in scenes for path in (scene.folder, scene.done)}
    for path in (work / UNDER_WAY).iterdir():
        if path.is_dir() and path.name not in known:
            _move_away(path, _beside(path))
        elif path.name not in known:
            path.unlink()
    todo = [scene for scene in scenes if not scene.done.exists()]
    finished = {scene.name for scene in scenes} - {scene.name for scene in todo}
    for path in work.iterdir():
        if not path.name.startswith(".") and path.stem not in finished:
            path.unlink()
    for scene in todo:
        scene.folder.mkdir(exist_ok=True)
    return todo


def group_small(
    surveys: Sequence[tuple[Scene, Survey]], *, batch_size: int
) -> tuple[list[tuple[Scene, Survey]], list[list[tuple[Scene, Survey]]]]:
    """Put small scenes together, so that their windows fill whole batches.

    Returns:
        Scenes that are worked on alone, and groups of at least two: of scenes of one block and
        less than `GROUP_BATCHES` batches, up to as many a group.
    """
    alone = []
    groups: list[list[tuple[Scene, Survey]]] = []
    room = 0
    for scene, survey in surveys:
        if len(survey.blocks) != 1 or survey.windows >= GROUP_BATCHES * batch_size:
            alone.append((scene, survey))
            continue
        if survey.windows > room:
            groups.append([])
            room = GROUP_BATCHES * batch_size
        groups[-1].append((scene, survey))
        room -= survey.windows
    alone += [group[0] for group in groups if len(group) == 1]
    return alone, [group for group in groups if len(group) > 1]


def in_pieces(
    blocks: Sequence[Item], *, of: int | None = None, at_once: int = 1
) -> list[Sequence[Item]]:
    """Blocks of a scene as pieces of work; within a piece the network never waits.

    Several workers get enough pieces for each to have some to the end.

    Args:
        blocks: Those of one scene.
        of: How many blocks there are of all scenes; None: these.
        at_once: Pieces that are worked on at once.
    """
    size = MOST_BLOCKS
    if at_once > 1:
        count = len(blocks) if of is None else of
        size = min(size, max(1, count // (PIECES * at_once)))
    pieces = -(-len(blocks) // size)
    ends = [len(blocks) * number // pieces for number in range(pieces + 1)] if pieces else [0]
    return [blocks[first:last] for first, last in pairwise(ends)]


@contextmanager
def finishing(scene: Scene, *, ending: str) -> Iterator[Path]:
    """A file to write the result of `scene` to; then its blocks are removed.

    Two workers may do this at once, where one of them was given up: both write the same
    bytes, each beside, and the slower one finds the scene done.
    """
    file = scene.folder / f"{uuid4().hex}{ending}"
    try:
        yield file
        os.replace(file, scene.out.with_name(scene.out.name + ending))
        scene.done.touch()
        _move_away(scene.folder, _beside(scene.folder))
    except (OSError, FactoryError):
        if not scene.done.exists():
            raise


def report(failed: Mapping[str, FactoryError], file: Path, *, scenes: int) -> None:
    """Write which scenes have failed, and raise; or remove what an earlier run wrote of it.

    Raises:
        FactoryError: Of the kind that all failed with, else a SceneError.
    """
    if not failed:
        file.unlink(missing_ok=True)
        return
    said = {name: str(failed[name]) for name in sorted(failed)}
    io.write_json({"scenes": scenes, "done": scenes - len(failed), "failed": said}, file)
    kinds = {type(error) for error in failed.values()}
    kind = kinds.pop() if len(kinds) == 1 else SceneError
    shown = [f"{name}: {text}" for name, text in said.items()][:NAMED]
    more = f" ({len(said) - NAMED} more)" if len(said) > NAMED else ""
    raise kind(
        f"{len(said)} of {scenes} scenes failed, the others are done and kept.{more} {file} names "
        "them. Mend them, or leave them out by `select.where`, and start the stage again: it does "
        "only what is missing.\n" + "\n".join(shown)
    )


def end(work: Path) -> None:
    """Leave nothing in `work` but the results."""
    # Named as `io.staged` names what is unfinished, which removes it should this be killed here.
    _move_away(work / UNDER_WAY, work.with_name(f"{work.stem}.gone{work.suffix}"))


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{uuid4().hex}.gone")


def _move_away(folder: Path, to: Path) -> None:
    """Remove a folder at once, where a worker that was given up may still write to it."""
    os.replace(folder, to)
    shutil.rmtree(to, ignore_errors=True)
