"""Scenes that lie together on the ground, under one grid of blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import STRtree, box, union_all
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

# Straight edges bend from one CRS to the next: they are bent in steps of this length.
STEP_M = 50.0
# Earlier ones keep their ground, later ones give way.
PRECIOUS_FIRST = ("test", "val", "train")

Cell = tuple[int, int]


def neighbours(outlines: Mapping[str, gpd.GeoSeries], *, gap_m: float) -> list[list[str]]:
    """Scenes that overlap or lie within `gap_m`, directly or by way of others, together."""
    names = sorted(outlines)
    reach = [_reproject(outlines[name].buffer(gap_m), "EPSG:4326") for name in names]
    one, two = STRtree(reach).query(reach, predicate="intersects")
    links = coo_array((np.ones(len(one)), (one, two)), shape=(len(names), len(names)))
    _, group = connected_components(links)
    return [
        [name for name, own in zip(names, group, strict=True) if own == number]
        for number in dict.fromkeys(group)
    ]


@dataclass(frozen=True)
class Ground:
    """Neighbouring scenes under one grid, in the CRS of the first of them.

    Attributes:
        outlines: One polygon a scene, in the CRS of the scene.
        named: The split of the scenes that are in one as a whole.
        block_m: Side of a cell; the grid is counted from the origin of the CRS.
    """

    outlines: Mapping[str, gpd.GeoSeries]
    named: Mapping[str, str]
    block_m: float

    @cached_property
    def crs(self) -> str:
        """CRS of the grid."""
        return str(next(iter(self.outlines.values())).crs)

    @cached_property
    def cells(self) -> dict[Cell, BaseGeometry]:
        """The ground of each cell of the grid that scenes without a name for a split show."""
        shown = union_all([self._shown[name] for name in self._cut])
        return {cell: shown.intersection(square) for cell, square in self._squares(shown)}

    def weights(self, labels: Mapping[str, gpd.GeoDataFrame]) -> pd.DataFrame:
        """Labels of each class, and `area` in square metres, for each cell."""
        area = pd.DataFrame(
            {"area": [shown.area for shown in self.cells.values()]}, index=self._index
        )
        found = [labels[name].to_crs(self.crs) for name in self._cut if name in labels]
        if not any(len(rows) for rows in found):
            return area
        points = pd.concat(
            [
                rows.representative_point().get_coordinates().assign(label=rows["label"])
                for rows in found
            ]
        )
        cells = np.floor(points[["x", "y"]].to_numpy() / self.block_m).astype(int)
        counts = pd.crosstab([cells[:, 0], cells[:, 1]], points["label"].to_numpy())
        counts.index = counts.index.set_names(self._index.names)
        return area.join(counts.add_prefix("label "), how="left").fillna(0.0)

    def blocks(
        self, splits: Mapping[Cell, str], *, gap_m: float, first: int
    ) -> Iterator[gpd.GeoDataFrame]:
        """Blocks of each scene in its own CRS, columns as `SpatialBlocks` gives them.

        Args:
            splits: The split of each cell.
            gap_m: Distance that two splits keep.
            first: Number of the first block.
        """
        numbers = {cell: first + number for number, cell in enumerate(self.cells)}
        closed = {split: self._closed(split, splits, gap_m) for split in PRECIOUS_FIRST}
        for offset, (name, outline) in enumerate(self.outlines.items()):
            if name in self.named:
                number = first + len(self.cells) + offset
                rows = [_row(name, number, outline.iloc[0], split=self.named[name])]
                yield gpd.GeoDataFrame(rows, crs=outline.crs)
                continue
            rows = []
            for cell, ground in self.cells.items():
                piece = _polygons(ground.intersection(self._shown[name]))
                kept = _polygons(piece.difference(closed[splits[cell]]))
                left = _polygons(piece.difference(kept))
                rows += [_row(name, numbers[cell], kept, split=splits[cell])] if kept.area else []
                if left.area:
                    reason = f"within {gap_m:g} m of a split that goes before {splits[cell]}"
                    rows.append(_row(name, numbers[cell], left, reason=reason))
            frame = gpd.GeoDataFrame(rows, crs=self.crs)
            frame.geometry = _in_crs(frame.geometry, str(outline.crs))
            yield frame

    @property
    def _cut(self) -> list[str]:
        return [name for name in self.outlines if name not in self.named]

    @cached_property
    def _shown(self) -> dict[str, BaseGeometry]:
        return {name: _reproject(outline, self.crs) for name, outline in self.outlines.items()}

    @cached_property
    def _index(self) -> pd.MultiIndex:
        return pd.MultiIndex.from_tuples(list(self.cells) or [], names=["column", "row"])

    def _squares(self, shown: BaseGeometry) -> Iterator[tuple[Cell, BaseGeometry]]:
        if shown.is_empty:
            return
        side = self.block_m
        left, low, right, high = (np.asarray(shown.bounds) / side).tolist()
        for row in range(int(np.floor(low)), int(np.ceil(high))):
            for column in range(int(np.floor(left)), int(np.ceil(right))):
                square = box(column * side, row * side, (column + 1) * side, (row + 1) * side)
                if shown.intersection(square).area > 0:
                    yield (column, row), square

    def _closed(self, split: str, splits: Mapping[Cell, str], gap_m: float) -> BaseGeometry:
        """Ground that the cells of `split` must leave free."""
        before = PRECIOUS_FIRST[: PRECIOUS_FIRST.index(split)]
        ground = [self.cells[cell] for cell, own in splits.items() if own in before]
        whole = [self._shown[name] for name, own in self.named.items() if own != split]
        return union_all([*ground, *whole]).buffer(gap_m, join_style="mitre")


def _row(
    scene_id: str, block: int, geometry: BaseGeometry, *, split: str = "", reason: str = ""
) -> dict[str, object]:
    return {
        "scene_id": scene_id,
        "block": block,
        "split": split,
        "reason": reason,
        "geometry": geometry,
    }


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The part of `geometry` that has an area: cuts leave points and lines behind."""
    parts = getattr(geometry, "geoms", [geometry])
    return union_all([part for part in parts if part.area > 0]) if len(parts) else Polygon()


def _reproject(outline: gpd.GeoSeries, crs: str) -> BaseGeometry:
    return _in_crs(outline, crs).iloc[0]


def _in_crs(series: gpd.GeoSeries, crs: str) -> gpd.GeoSeries:
    return series if series.crs == crs else series.segmentize(STEP_M).to_crs(crs)
