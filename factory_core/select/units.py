"""What a split is given, and what it gives: ground that stays together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import geopandas as gpd
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pool:
    """The chosen scenes, as a split sees them.

    Attributes:
        outlines: The ground of each scene that may be used, in a CRS in metres.
        times: When each scene was taken, UTC; None where it does not tell.
        twins: Pairs of scenes that look alike and do not show the same ground.
        known: Every scene of the catalogue, chosen or not.
        files: Folder of the files that a query may name.
    """

    outlines: Mapping[str, gpd.GeoSeries]
    times: Mapping[str, datetime | None] = field(default_factory=dict)
    twins: Sequence[tuple[str, str]] = ()
    known: Sequence[str] = ()
    files: Path = Path()


@dataclass(frozen=True)
class Unit:
    """Ground that goes to one split, or is left out, as a whole.

    Attributes:
        pieces: Its ground in each scene that shows it, in the CRS of the scene.
        split: Where it goes, where that is decided; empty: the balance decides.
        reason: Why it is left out, where that is decided.
        firm: The user's own word: it neither gives way to another split nor changes its own.
        whole: Ground that was test before is not cut out of it: all of it is test.
        held: It was test in an earlier version.
    """

    pieces: Mapping[str, BaseGeometry]
    split: str = ""
    reason: str = ""
    firm: bool = False
    whole: bool = False
    held: bool = False

    @property
    def is_free(self) -> bool:
        """Whether the balance chooses its split."""
        return not self.split and not self.reason


class Split(Protocol):
    """A part of kind split: it says what stays together and what is decided already."""

    @property
    def gap_m(self) -> float:
        """Distance on the ground that two splits keep."""

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of the labels that each split should have of what is not decided already."""

    def __call__(self, pool: Pool) -> list[Unit]:
        """The ground of every scene of `pool`, each bit of it in one unit."""


@runtime_checkable
class Rotating(Split, Protocol):
    """A split that leaves val empty: one of `k` folds of its train is val."""

    @property
    def k(self) -> int:
        """Number of folds."""

    @property
    def fold(self) -> int:
        """The one that is val, from 0."""


def group(names: Sequence[str], links: Sequence[tuple[str, str]]) -> list[list[str]]:
    """`names` that are linked, directly or by way of others, together; in their order."""
    place = {name: number for number, name in enumerate(names)}
    known = [(place[a], place[b]) for a, b in links if a in place and b in place]
    one, two = np.array(known, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(one)), (one, two)), shape=(len(names), len(names)))
    _, numbers = connected_components(graph, directed=False)
    found: dict[int, list[str]] = {}
    for name, number in zip(names, numbers.tolist(), strict=True):
        found.setdefault(number, []).append(name)
    return list(found.values())


def check_shares(val_share: float, test_share: float) -> None:
    """Refuse shares that leave nothing to train.

    Raises:
        ValueError: One is negative, or together they are everything.
    """
    if min(val_share, test_share) < 0 or val_share + test_share >= 1:
        raise ValueError(
            "`val_share` and `test_share` must not be negative and leave something to train. "
            f"Received: val_share={val_share}, test_share={test_share}."
        )


def shares_of(val_share: float, test_share: float) -> dict[str, float]:
    """The share of each split, train taking the rest."""
    return {"train": 1 - val_share - test_share, "val": val_share, "test": test_share}
