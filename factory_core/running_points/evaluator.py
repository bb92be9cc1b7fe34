"""Numbers of points: scenes x branches of the tree of chains, spread over `compute`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from geopandas import GeoDataFrame

from factory_core.kernel import io
from factory_core.kernel.compute import Compute, Local, progress
from factory_core.kernel.errors import FactoryError
from factory_core.kernel.jobs import Job
from factory_core.running_points.kept import NUMBERS, Numbers
from factory_core.running_points.measure import Ruler
from factory_core.running_points.points import Point
from factory_core.running_points.prefixes import Prefixes, SceneFile, detect

# A branch is worked on by one process, which holds the detections of all its points at once:
# about 300 MB of boxes. Shorter branches share less, longer ones spread worse.
BRANCH_DETECTIONS = 500_000
BRANCH_POINTS = (16, 64)
FIRST_BRANCH = 4
LABEL = "postprocess val: running points"


@dataclass
class Work:
    """What was done so far.

    Attributes:
        points: Measured here, and not found among those that were kept.
        calls: How often a part was called on a scene.
        alone: How often it would have been, each point by itself.
        detections: In all.
    """

    points: int = 0
    calls: int = 0
    alone: int = 0
    detections: int = 0


@dataclass(frozen=True)
class Branch:
    """Points beside each other in the tree, and where they leave what another process needs.

    Attributes:
        chains: Of each point, the names of its parts.
        parts: By name.
        folder: For files between processes.
    """

    chains: tuple[tuple[str, ...], ...]
    parts: Mapping[str, Any]
    folder: Path

    @property
    def name(self) -> str:
        """Of its files; another for other chains."""
        return hashlib.sha256(repr(self.chains).encode()).hexdigest()[:16]

    def detections(self, scene: SceneFile) -> Path:
        """File of the detections of one scene, of all points."""
        return self.folder / f"{self.name}-{scene.scene_id}.parquet"

    def calls(self, scene: SceneFile) -> Path:
        """File of how often a part was called for them."""
        return self.folder / f"{self.name}-{scene.scene_id}.json"

    @property
    def numbers(self) -> Path:
        """File of the numbers of its points, which `Kept` finds there."""
        return self.folder / f"{self.name}{NUMBERS}"


class Evaluator:
    """Measures points.

    Args:
        scenes: Of val.
        ruler: Labels and metrics.
        parts: Of all chains, by name; may grow.
        prefixes: What beginnings of chains gave.
        compute: Where it is done.
        folder: For files between processes.
    """

    def __init__(
        self,
        scenes: Sequence[SceneFile],
        *,
        ruler: Ruler,
        parts: Mapping[str, Any],
        prefixes: Prefixes,
        compute: Compute,
        folder: Path,
    ) -> None:
        self.scenes = list(scenes)
        self.ruler = ruler
        self.parts = parts
        self.prefixes = prefixes
        self.compute = compute
        self.folder = folder
        self.work = Work()

    def measure(self, points: Sequence[Point]) -> Iterator[list[Numbers]]:
        """Numbers of points, some at a time, in their order.

        Args:
            points: Those whose chains begin alike beside each other.
        """
        first = [] if self.work.points else points[:FIRST_BRANCH]
        if first:  # says how many detections there are
            yield self._measure_here(self._branch(first))
        mean = max(1, self.work.detections // max(1, self.work.points))
        sizes = [min(size, max(1, BRANCH_DETECTIONS // mean)) for size in BRANCH_POINTS]
        cut = cut_branches([point.chain for point in points[len(first) :]], *sizes)
        branches = [self._branch([points[len(first) + at] for at in places]) for places in cut]
        if isinstance(self.compute, Local) and self.compute.workers == 1:
            # A sampler that asks one by one has no use for a bar each time.
            shown = progress(branches, label=LABEL) if len(branches) > 1 else branches
            for branch in shown:
                yield self._measure_here(branch)
        elif branches:
            yield from self._measure_there(branches)

    def detect(self, point: Point) -> dict[str, GeoDataFrame]:
        """Detections of a point, by scene."""
        branch = self._branch([point])
        return {
            scene.scene_id: _detect(branch, scene, self.prefixes)[0][0] for scene in self.scenes
        }

    def _branch(self, points: Sequence[Point]) -> Branch:
        chains = tuple(point.chain for point in points)
        names = dict.fromkeys(name for chain in chains for name in chain)
        return Branch(chains, {name: self.parts[name] for name in names}, self.folder)

    def _measure_here(self, branch: Branch) -> list[Numbers]:
        found = []
        for scene in self.scenes:
            frames, calls = _detect(branch, scene, self.prefixes)
            self._count(branch, calls, sum(map(len, frames)))
            found.append(frames)
        self.work.points += len(branch.chains)
        return _measure(self.ruler, self.scenes, found)

    def _measure_there(self, branches: Sequence[Branch]) -> Iterator[list[Numbers]]:
        self.folder.mkdir(exist_ok=True)
        jobs = [
            Job(branch.name, [(branch, scene) for scene in self.scenes], branch)
            for branch in branches
            if not branch.numbers.exists()
        ]
        failed: dict[str, FactoryError] = self.compute.finish_jobs(
            jobs,
            piece=partial(_write_detections, self.prefixes),
            whole=partial(_write_numbers, self.ruler, self.scenes),
            label=LABEL,
        )
        if failed:
            raise next(iter(failed.values()))
        for branch in branches:
            written = io.read_json(branch.numbers)
            self._count(branch, written["calls"], written["detections"], scenes=len(self.scenes))
            self.work.points += len(branch.chains)
            yield written["numbers"]

    def _count(self, branch: Branch, calls: int, detections: int, *, scenes: int = 1) -> None:
        self.work.calls += calls
        self.work.detections += detections
        self.work.alone += scenes * sum(map(len, branch.chains))


def cut_branches(chains: Sequence[tuple[str, ...]], least: int, most: int) -> list[range]:
    """Cut a walk through the tree where its points share least.

    Args:
        chains: In the order of the walk.
        least: Points of a branch, but for the last one.
        most: Points of a branch.

    Returns:
        Places of the points of each branch.
    """
    first, cut = 0, []
    while first < len(chains):
        end = len(chains)
        if end - first > most:
            places = range(first + least, first + most + 1)
            end = min(places, key=lambda at: (_shared(chains[at - 1], chains[at]), -at))
        cut.append(range(first, end))
        first = end
    return cut


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    same = [a == b for a, b in zip(one, other, strict=False)]
    return same.index(False) if False in same else len(same)


def _detect(branch: Branch, scene: SceneFile, prefixes: Prefixes) -> tuple[list[GeoDataFrame], int]:
    return detect(scene, branch.chains, parts=branch.parts, prefixes=prefixes)


def _measure(
    ruler: Ruler, scenes: Sequence[SceneFile], found: Sequence[Sequence[GeoDataFrame]]
) -> list[Numbers]:
    """Numbers of each point, from the detections of each scene and point."""
    ids = [scene.scene_id for scene in scenes]
    return [
        ruler.measure(dict(zip(ids, frames, strict=True))) for frames in zip(*found, strict=True)
    ]


def _write_detections(prefixes: Prefixes, item: tuple[Branch, SceneFile]) -> None:
    branch, scene = item
    if branch.calls(scene).exists():
        return
    frames, calls = _detect(branch, scene, prefixes)
    numbered = [frame.assign(point=number) for number, frame in enumerate(frames)]
    filled = [frame for frame in numbered if len(frame)] or numbered[:1]
    io.write_table(pd.concat(filled, ignore_index=True), branch.detections(scene))
    io.write_json({"calls": calls}, branch.calls(scene))


def _write_numbers(ruler: Ruler, scenes: Sequence[SceneFile], branch: Branch) -> None:
    found = []
    for scene in scenes:
        table = io.read_table(branch.detections(scene))
        of_point = table.groupby("point").indices
        found.append([table.iloc[of_point.get(number, [])] for number in range(len(branch.chains))])
    calls = sum(io.read_json(branch.calls(scene))["calls"] for scene in scenes)
    written = {
        "chains": branch.chains,
        "calls": calls,
        "detections": sum(len(frame) for frames in found for frame in frames),
        "numbers": _measure(ruler, scenes, found),
    }
    io.write_json(written, branch.numbers)
    for scene in scenes:
        branch.detections(scene).unlink(missing_ok=True)
        branch.calls(scene).unlink(missing_ok=True)
