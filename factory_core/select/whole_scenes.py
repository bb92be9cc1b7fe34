"""Splits that never cut a scene: by scene, and by sequence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from factory_core.kernel.errors import SelectionError
from factory_core.kernel.limits import check_at_least
from factory_core.select.ground import touching
from factory_core.select.named import match_names
from factory_core.select.units import Pool, Unit, check_shares, group, shares_of


@dataclass(frozen=True)
class WholeScenes:
    """Split by scene; scenes that overlap, touch within `gap_m` or look alike go together.

    Attributes:
        val_share: Share of the labels that val should have, named scenes not counted.
        test_share: Share of the labels that test should have, named scenes not counted.
        gap_m: Scenes nearer to each other than this are together.
        val_scenes: Globs; scenes with such a name, and those that go with them, are val.
        test_scenes: Globs; scenes with such a name, and those that go with them, are test.

    Raises:
        ValueError: A share or the gap is out of its range.
    """

    val_share: float = 0.2
    test_share: float = 0.2
    gap_m: float = 0.0
    val_scenes: tuple[str, ...] = ()
    test_scenes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_at_least(0, gap_m=self.gap_m)
        check_shares(self.val_share, self.test_share)

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of each split."""
        return shares_of(self.val_share, self.test_share)

    def __call__(self, pool: Pool) -> list[Unit]:
        """A unit for each group of scenes.

        Raises:
            SelectionError: A glob matches no scene, or a scene is both val and test.
        """
        named = match_names(list(pool.outlines), {"val": self.val_scenes, "test": self.test_scenes})
        links = [*touching(pool.outlines, gap_m=self.gap_m), *pool.twins]
        sequences: dict[str, list[str]] = {}
        for name in sorted(pool.outlines):
            sequences.setdefault(self._sequence(name), []).append(name)
        links += [pair for names in sequences.values() for pair in pairwise(names)]
        return list(_units(pool, named, links))

    def _sequence(self, name: str) -> str:
        """What scenes of one name here go together by: nothing but themselves."""
        return name


@dataclass(frozen=True)
class Sequences(WholeScenes):
    r"""Split by sequence: frames of one flight or video go together, like overlapping scenes.

    Attributes:
        pattern: Regular expression that finds the sequence in the name of a scene, as its
            first group: `^(.*)-\\w+$` takes `MunichStreet05` of `MunichStreet05-MOS42`.

    Raises:
        ValueError: `pattern` is no regular expression with a group.
    """

    pattern: str = "^(.*)[-_][^-_]*$"

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            groups = re.compile(self.pattern).groups
        except re.error as error:
            raise ValueError(
                f"`pattern` is no regular expression: {error}. Received: {self.pattern!r}."
            ) from error
        if not groups:
            raise ValueError(
                "`pattern` must have a group in parentheses around the name of the sequence. "
                f"Received: {self.pattern!r}."
            )

    def _sequence(self, name: str) -> str:
        found = re.search(self.pattern, name)
        if found is None or not found[1]:
            raise SelectionError(
                f"`select.split.pattern` ({self.pattern}) finds no sequence in the name of the "
                f"scene {name!r}. Widen the pattern, or leave such scenes out by `select.where`."
            )
        return found[1]


def _units(
    pool: Pool, named: Mapping[str, str], links: Iterable[tuple[str, str]]
) -> Iterable[Unit]:
    for names in group(sorted(pool.outlines), list(links)):
        splits = {named[name] for name in names if name in named}
        if len(splits) < 2:
            pieces = {name: pool.outlines[name].iloc[0] for name in names}
            yield Unit(pieces, split="".join(splits), firm=bool(splits), whole=True)
            continue
        pairs = [f"{name} ({named[name]})" for name in names if name in named]
        raise SelectionError(
            f"{', '.join(pairs[:6])} overlap, look alike or are of one sequence, directly or by "
            "way of others, and are named for different splits. Name them for one (`val_scenes`, "
            "`test_scenes` of `select.split`), or cut them on the ground (split: spatial_blocks)."
        )
