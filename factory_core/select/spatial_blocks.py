"""Cut scenes into blocks of ground, and share the blocks out to train, val and test."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import geopandas as gpd
import numpy as np
import pandas as pd

from factory_core.kernel.errors import SelectionError
from factory_core.select.ground import Ground, neighbours


@dataclass(frozen=True)
class SpatialBlocks:
    """Split by blocks of a grid over the ground, never by image.

    Scenes that overlap, or lie within `gap_m`, share one grid (that of the CRS of the first
    of them, counted from its origin), so what two of them show is in one split. Blocks go,
    those with most labels first, to the split that is furthest below its share of the labels
    (Sechidis et al., On the stratification of multi-label data, ECML 2011). Where two
    splits meet, the less precious one gives way by `gap_m`: train to val, both to test.

    Attributes:
        block_m: Side of a block.
        val_share: Share of the labels that val should have.
        test_share: Share of the labels that test should have.
        gap_m: Distance that two splits keep.
        val_scenes: Globs; scenes with such a name are val as a whole.
        test_scenes: Globs; scenes with such a name are test as a whole.
        seed: Shuffles blocks of equal weight.

    Raises:
        ValueError: A length or a share out of its range.
    """

    block_m: float = 200.0
    val_share: float = 0.2
    test_share: float = 0.2
    gap_m: float = 10.0
    val_scenes: tuple[str, ...] = ()
    test_scenes: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.block_m <= 0 or self.gap_m < 0:
            raise ValueError(
                "`block_m` must be positive and `gap_m` not negative. "
                f"Received: block_m={self.block_m}, gap_m={self.gap_m}."
            )
        if min(self.val_share, self.test_share) < 0 or self.val_share + self.test_share >= 1:
            raise ValueError(
                "`val_share` and `test_share` must not be negative and leave something to train. "
                f"Received: val_share={self.val_share}, test_share={self.test_share}."
            )

    def __call__(
        self, outlines: Mapping[str, gpd.GeoSeries], labels: Mapping[str, gpd.GeoDataFrame]
    ) -> dict[str, gpd.GeoDataFrame]:
        """Blocks of each scene.

        Args:
            outlines: One polygon a scene, in a CRS in metres.
            labels: Labels of each scene that has any, with `label`, in the same CRS.

        Returns:
            For each scene, in its CRS: `scene_id`, `block` (the same number is the same
            ground), `split` (`train`, `val`, `test` or empty), `reason` where it is empty,
            and geometry. The geometries of a scene do not overlap and cover its outline.

        Raises:
            SelectionError: A glob matches no scene, or a scene is both val and test.
        """
        named = self._named(list(outlines))
        grounds = [
            Ground(
                {name: outlines[name] for name in group},
                {name: named[name] for name in group if name in named},
                self.block_m,
            )
            for group in neighbours(outlines, gap_m=self.gap_m)
        ]
        weights = pd.concat(dict(enumerate(ground.weights(labels) for ground in grounds)))
        splits = self._share_out(weights.fillna(0.0))
        result: dict[str, gpd.GeoDataFrame] = {}
        first = 0
        for number, ground in enumerate(grounds):
            own = {cell: splits[(number, *cell)] for cell in ground.cells}
            frames = ground.blocks(own, gap_m=self.gap_m, first=first)
            result |= dict(zip(ground.outlines, frames, strict=True))
            first += len(ground.cells) + len(ground.outlines)
        return {scene_id: result[scene_id] for scene_id in outlines}

    def _named(self, scene_ids: Sequence[str]) -> dict[str, str]:
        named: dict[str, str] = {}
        for split, globs in (("val", self.val_scenes), ("test", self.test_scenes)):
            for glob in globs:
                matched = [name for name in scene_ids if fnmatchcase(name, glob)]
                if not matched:
                    near = difflib.get_close_matches(glob, scene_ids, n=1, cutoff=0.0)
                    raise SelectionError(
                        f"`select.split.{split}_scenes` names {glob!r}, which matches none of the "
                        f"{len(scene_ids)} selected scenes. Nearest: {near[0]!r}."
                    )
                for name in matched:
                    if named.setdefault(name, split) != split:
                        raise SelectionError(
                            f"The scene {name!r} is both in `select.split.val_scenes` and in "
                            "`select.split.test_scenes`. Keep it in one."
                        )
        return named

    def _share_out(self, weights: pd.DataFrame) -> dict[tuple[int, int, int], str]:
        """The split of each cell, from its labels by class and its area."""
        wanted = {
            "train": 1 - self.val_share - self.test_share,
            "val": self.val_share,
            "test": self.test_share,
        }
        shares = {split: wanted[split] for split in sorted(wanted, key=lambda s: -wanted[s])}
        shares = {split: share for split, share in shares.items() if share > 0}
        parts = weights / weights.sum().replace(0, 1)
        labelled = parts.drop(columns="area").sum(axis=1)
        shuffled = np.random.default_rng(self.seed).permutation(len(parts))
        order = np.lexsort((shuffled, -parts["area"].round(9), -labelled.round(9)))
        given = {split: np.zeros(parts.shape[1]) for split in shares}
        splits: dict[tuple[int, int, int], str] = {}
        for position in order:
            own = parts.iloc[position].to_numpy()
            lacking = {
                split: float(own @ (1 - given[split] / share)) for split, share in shares.items()
            }
            split = max(lacking, key=lambda name: round(lacking[name], 9))
            splits[parts.index[position]] = split
            given[split] += own
        return splits
