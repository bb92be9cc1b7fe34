"""Whether what a model learns from is also what it is judged on: an independent check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LeakError
from factory_core.select.map import Shape, write_map
from factory_core.select.units import SPLITS

GLOBE = CRS("EPSG:4326")
# Straight edges bend from one CRS to the next: they are bent in steps of this length, and
# what still overlaps below this area is rounding.
STEP_M = 50.0
TOLERANCE_M2 = 0.1


@dataclass(frozen=True)
class Leak:
    """What two splits share.

    Attributes:
        first: Scene and split.
        second: Scene and split.
        area_m2: Ground that belongs to both; nought where only their pixels look alike.
        ground: That ground in longitude and latitude; of both scenes where they look alike.
    """

    first: tuple[str, str]
    second: tuple[str, str]
    area_m2: float
    ground: BaseGeometry

    def __str__(self) -> str:
        """Who, and how much."""
        what = f"{self.area_m2:.0f} m2" if self.area_m2 else "they look alike"
        (one, split), (two, other) = self.first, self.second
        return f"{one} ({split}) and {two} ({other}): {what}"


def find_overlaps(blocks: Iterable[gpd.GeoDataFrame]) -> list[Leak]:
    """Ground that two splits share, in one scene or in two that overlap.

    Args:
        blocks: A frame a scene, in a CRS in metres, with `scene_id`, `split` and geometry.

    Returns:
        Every pair with more than rounding in common, the largest first.
    """
    areas = [area for frame in blocks for area in _areas(frame)]
    on_globe = np.array([_to(area, GLOBE, source=crs) for _, crs, area in areas], dtype=object)
    pairs = STRtree(on_globe).query(on_globe, predicate="intersects").T
    leaks = []
    for one, two in pairs[pairs[:, 0] < pairs[:, 1]]:
        (first, crs, area), (second, other_crs, other) = areas[one], areas[two]
        if first[1] != second[1]:
            shared = area.intersection(_to(other, crs, source=other_crs))
            if shared.area > TOLERANCE_M2:
                ground = _to(shared, GLOBE, source=crs)
                leaks.append(Leak(first, second, float(shared.area), ground))
    return sorted(leaks, key=lambda leak: -leak.area_m2)


def find_parted_twins(
    blocks: Mapping[str, gpd.GeoDataFrame], twins: Sequence[tuple[str, str]]
) -> list[Leak]:
    """Scenes that look alike and are in two splits."""
    leaks = []
    for one, two in twins:
        areas = {name: dict(_by_split(blocks[name])) for name in (one, two) if name in blocks}
        for split, ground in areas.get(one, {}).items():
            for other, other_ground in areas.get(two, {}).items():
                if split != other:
                    leaks.append(Leak((one, split), (two, other), 0.0, ground.union(other_ground)))
    return leaks


def refuse_leaks(
    blocks: Mapping[str, gpd.GeoDataFrame],
    twins: Sequence[tuple[str, str]],
    *,
    map_file: Path,
) -> None:
    """Stop where two splits share ground or pixels, and draw where.

    Raises:
        LeakError: They do; names the pairs, how much, and the map.
    """
    leaks = [*find_overlaps(blocks.values()), *find_parted_twins(blocks, twins)]
    map_file.unlink(missing_ok=True)
    if not leaks:
        return
    write_map(
        [
            *_shapes(blocks),
            *(Shape(leak.ground, "leak", f"{leak.first[0]}: {leak}") for leak in leaks),
        ],
        map_file,
        title="Splits that share ground",
        tables={"Pairs": [("first", "second", "in common"), *(_row(leak) for leak in leaks)]},
    )
    pairs = "; ".join(str(leak) for leak in leaks[:5])
    more = f"; and {len(leaks) - 5} more" if len(leaks) > 5 else ""
    raise LeakError(
        f"Splits share ground, so a figure on one would tell of another: {pairs}{more}. The map "
        f"is {map_file}. Name scenes that overlap or look alike into one split "
        "(`select.split.test_scenes`, `select.split.val_scenes`, the given file), or let blocks "
        "cut them (split: spatial_blocks)."
    )


def _row(leak: Leak) -> tuple[str, str, str]:
    what = f"{leak.area_m2:,.0f} m²" if leak.area_m2 else "they look alike"
    return f"{leak.first[0]} ({leak.first[1]})", f"{leak.second[0]} ({leak.second[1]})", what


def _shapes(blocks: Mapping[str, gpd.GeoDataFrame]) -> Iterator[Shape]:
    for name, frame in blocks.items():
        for split, ground in _by_split(frame):
            yield Shape(ground, split, f"{name}: {split}")


def _by_split(frame: gpd.GeoDataFrame) -> Iterator[tuple[str, BaseGeometry]]:
    for (_, split), crs, area in _areas(frame):
        yield split, _to(area, GLOBE, source=crs)


def _areas(frame: gpd.GeoDataFrame) -> Iterator[tuple[tuple[str, str], CRS, BaseGeometry]]:
    splits, shapes, crs = frame["split"].to_numpy(), frame.geometry.to_numpy(), frame.crs
    for split in SPLITS:
        own = shapes[splits == split]
        if len(own):
            scene_id = str(frame["scene_id"].iloc[0])
            yield (scene_id, split), crs, shapely.union_all(own)


def _to(area: BaseGeometry, crs: CRS, *, source: CRS) -> BaseGeometry:
    if crs == source:
        return area
    return gpd.GeoSeries([area.segmentize(STEP_M)], crs=source).to_crs(crs).iloc[0]
