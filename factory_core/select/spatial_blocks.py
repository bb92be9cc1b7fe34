"""Cut scenes into blocks of ground that are shared out one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shapely import union_all
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.limits import check_above, check_at_least
from factory_core.select.ground import all_cells, neighbours
from factory_core.select.named import match_names, named_units
from factory_core.select.units import Pool, Unit, check_shares, group, shares_of


@dataclass(frozen=True)
class SpatialBlocks:
    """Split by blocks of a grid over the ground, never by image.

    Scenes that overlap, or lie within `gap_m`, share one grid (that of the CRS of the first
    of them, counted from its origin), so what two of them show is in one split. Where two
    splits meet, the less precious one gives way by `gap_m`: train to val, both to test.
    The blocks of scenes that look alike without showing the same ground are one unit.

    Attributes:
        block_m: Side of a block.
        val_share: Share of the labels that val should have, named scenes not counted.
        test_share: Share of the labels that test should have, named scenes not counted.
        gap_m: Distance that two splits keep.
        val_scenes: Globs; scenes with such a name are val as a whole.
        test_scenes: Globs; scenes with such a name are test as a whole.

    Raises:
        ValueError: A length or a share out of its range.
    """

    block_m: float = 200.0
    val_share: float = 0.2
    test_share: float = 0.2
    gap_m: float = 10.0
    val_scenes: tuple[str, ...] = ()
    test_scenes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_above(0, block_m=self.block_m)
        check_at_least(0, gap_m=self.gap_m)
        check_shares(self.val_share, self.test_share)

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of each split."""
        return shares_of(self.val_share, self.test_share)

    def __call__(self, pool: Pool) -> list[Unit]:
        """A unit for each named scene, then one for each block.

        Raises:
            SelectionError: A glob matches no scene, or a scene is both val and test.
        """
        named = match_names(list(pool.outlines), {"val": self.val_scenes, "test": self.test_scenes})
        cut = {name: outline for name, outline in pool.outlines.items() if name not in named}
        groups = [
            {name: cut[name] for name in names} for names in neighbours(cut, gap_m=self.gap_m)
        ]
        cells = all_cells(groups, block_m=self.block_m)
        return [*named_units(pool, named), *_units(cells, pool.twins)]


def _units(
    cells: Sequence[Mapping[str, BaseGeometry]], twins: Sequence[tuple[str, str]]
) -> list[Unit]:
    """A unit a cell, but one for all cells of scenes that are twins."""
    bound = {name for pair in twins for name in pair}
    of_scene: dict[str, list[str]] = {}
    for number, pieces in enumerate(cells):
        for name in bound & pieces.keys():
            of_scene.setdefault(name, []).append(str(number))
    links = [(own[0], other) for own in of_scene.values() for other in own[1:]]
    links = [
        *links,
        *((of_scene[a][0], of_scene[b][0]) for a, b in twins if {a, b} <= set(of_scene)),
    ]
    units = []
    for numbers in group([str(number) for number in range(len(cells))], links):
        joined: dict[str, list[BaseGeometry]] = {}
        for number in map(int, numbers):
            for name, piece in cells[number].items():
                joined.setdefault(name, []).append(piece)
        ground = {name: union_all(own) if own[1:] else own[0] for name, own in joined.items()}
        units.append(Unit(ground, whole=len(numbers) > 1))
    return units
