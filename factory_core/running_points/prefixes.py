"""Detections of many chains on one scene: what chains begin with alike is worked out once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely
from geopandas import GeoDataFrame, GeoSeries

from factory_core.kernel.geo import ScoreMap
from factory_core.postprocess.predictions import finish, read_predictions

COLUMNS = ["label", "score", "scene_id", "geometry"]
# A geometry of shapely beside its coordinates, and its place in a table.
GEOMETRY_BYTES = 250


@dataclass(frozen=True)
class SceneFile:
    """What predict wrote for a scene, and what of it belongs to the split."""

    path: Path
    area: GeoSeries

    @property
    def scene_id(self) -> str:
        """Name of the scene."""
        return self.path.stem


@dataclass
class Prefixes:
    """What beginnings of chains gave, the least recently used forgotten for want of memory.

    Another process gets it empty.

    Attributes:
        limit_bytes: Of all that is kept.
    """

    limit_bytes: int
    _kept: OrderedDict[Any, tuple[Any, int]] = field(default_factory=OrderedDict, repr=False)
    _bytes: int = 0

    def __reduce__(self) -> Any:
        return Prefixes, (self.limit_bytes,)

    def longest(self, keys: Sequence[Any]) -> tuple[int, Any]:
        """The last of `keys` that is kept, and what it gave; -1 and None where none is.

        Those before it count as used after it: they serve more chains.
        """
        known = [number for number, key in enumerate(keys) if key in self._kept]
        for number in reversed(known):
            self._kept.move_to_end(keys[number])
        return (known[-1], self._kept[keys[known[-1]]][0]) if known else (-1, None)

    def keep(self, key: Any, result: Any) -> None:
        """Keep a result, if it is not too large by itself."""
        size = _size(result)
        if size > self.limit_bytes:
            return
        self._kept[key] = (result, size)
        self._bytes += size
        while self._bytes > self.limit_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed


def _size(result: ScoreMap | GeoDataFrame) -> int:
    if isinstance(result, ScoreMap):
        return int(result.scores.nbytes)
    coordinates = int(shapely.get_num_coordinates(result.geometry.to_numpy()).sum())
    return int(result.memory_usage().sum()) + 16 * coordinates + GEOMETRY_BYTES * len(result)


def detect(
    scene: SceneFile,
    chains: Sequence[tuple[str, ...]],
    *,
    parts: Mapping[str, Any],
    prefixes: Prefixes,
) -> tuple[list[GeoDataFrame], int]:
    """Detections of each chain on one scene, as the stage postprocess makes them.

    Args:
        scene: The scene.
        chains: Names of parts in their order; chains that begin alike beside each other.
        parts: By name.
        prefixes: Of beginnings, this scene's and others'.

    Returns:
        Detections of the split, and how many times a part was called.
    """
    found, calls = [], 0
    for chain in chains:
        keys = [(scene.path, chain[:length]) for length in range(len(chain))]
        done, result = prefixes.longest(keys)
        if done < 0:
            done, result = 0, read_predictions(scene.path)
            prefixes.keep(keys[0], result)
        for number in range(done, len(chain)):
            result = parts[chain[number]](result)
            calls += 1
            if number + 1 < len(chain):
                prefixes.keep(keys[number + 1], result)
        detections = result.reset_index(drop=True)
        found.append(finish(detections, file=scene.path, area=scene.area)[COLUMNS])
    return found, calls
