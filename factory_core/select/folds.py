"""Cut scenes into blocks of ground that take turns to be val."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.select.spatial_blocks import SpatialBlocks
from factory_core.select.units import Pool, Unit, shares_of


@dataclass(frozen=True)
class Folds:
    """Cross-validate: blocks of ground are dealt into `k` folds, and one of them is val.

    Test is chosen first, as by `spatial_blocks`, and is the same for every fold. The rest is
    dealt so that each fold has its share of every class. What differs between the folds is
    `fold` alone: each block is val once and train otherwise, less what the gap takes. Where
    there is ground of test already (an earlier version's, or scenes that are named), that is
    the test, and `test_share` adds no more.

    Attributes:
        k: Number of folds.
        fold: The fold that is val, from 0.
        block_m: Side of a block.
        test_share: Share of the labels that test should have, where there is no test yet.
        gap_m: Distance that two splits keep.
        test_scenes: Globs; scenes with such a name are test as a whole.

    Raises:
        ValueError: A field out of its range.
    """

    k: int = 5
    fold: int = 0
    block_m: float = 200.0
    test_share: float = 0.2
    gap_m: float = 10.0
    test_scenes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_at_least(2, k=self.k)
        check_within(0, self.k - 1, fold=self.fold)
        self._blocks()

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of each split before a fold of train becomes val."""
        return shares_of(0.0, self.test_share)

    def __call__(self, pool: Pool) -> list[Unit]:
        """A unit for each named scene, then one for each block.

        Raises:
            SelectionError: A glob matches no scene.
        """
        return self._blocks()(pool)

    def _blocks(self) -> SpatialBlocks:
        return SpatialBlocks(
            self.block_m, 0.0, self.test_share, self.gap_m, test_scenes=self.test_scenes
        )
