"""Whether what a model learns from is also what it is judged on: an independent check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from pyproj import CRS
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from factory_core.kernel.errors import LeakError

GLOBE = CRS("EPSG:4326")
SPLITS = ("train", "val", "test")
# Straight edges bend from one CRS to the next: they are bent in steps of this length, and
# what still overlaps below this area is rounding.
STEP_M = 50.0
TOLERANCE_M2 = 0.1


@dataclass(frozen=True)
class Overlap:
    """Ground that belongs to two splits.

    Attributes:
        first: Scene and split.
        second: Scene and split.
        area_m2: How much.
    """

    first: tuple[str, str]
    second: tuple[str, str]
    area_m2: float


def find_overlaps(blocks: Iterable[gpd.GeoDataFrame]) -> list[Overlap]:
    """Ground that two splits share, in one scene or in two that overlap.

    Args:
        blocks: A frame a scene, in a CRS in metres, with `scene_id`, `split` and geometry.

    Returns:
        Every pair with more than rounding in common, the largest first.
    """
    areas = [area for frame in blocks for area in _areas(frame)]
    on_globe = np.array([_to(area, GLOBE, source=crs) for _, crs, area in areas], dtype=object)
    pairs = STRtree(on_globe).query(on_globe, predicate="intersects").T
    overlaps = []
    for one, two in pairs[pairs[:, 0] < pairs[:, 1]]:
        (first, crs, area), (second, other_crs, other) = areas[one], areas[two]
        if first[1] != second[1]:
            shared = area.intersection(_to(other, crs, source=other_crs)).area
            if shared > TOLERANCE_M2:
                overlaps.append(Overlap(first, second, float(shared)))
    return sorted(overlaps, key=lambda overlap: -overlap.area_m2)


def _areas(frame: gpd.GeoDataFrame) -> Iterator[tuple[tuple[str, str], CRS, BaseGeometry]]:
    for (scene_id, split), rows in frame[frame["split"].isin(SPLITS)].groupby(
        ["scene_id", "split"]
    ):
        yield (str(scene_id), str(split)), frame.crs, rows.union_all()


def _to(area: BaseGeometry, crs: CRS, *, source: CRS) -> BaseGeometry:
    if crs == source:
        return area
    return gpd.GeoSeries([area.segmentize(STEP_M)], crs=source).to_crs(crs).iloc[0]


def refuse_overlaps(overlaps: list[Overlap]) -> None:
    """Stop where two splits share ground.

    Raises:
        LeakError: They do; names the pairs and the area.
    """
    if overlaps:
        pairs = "; ".join(
            f"{o.first[0]} ({o.first[1]}) and {o.second[0]} ({o.second[1]}): {o.area_m2:.0f} m2"
            for o in overlaps[:5]
        )
        more = f"; and {len(overlaps) - 5} more" if len(overlaps) > 5 else ""
        raise LeakError(
            f"Splits share ground, so a figure on one would tell of another: {pairs}{more}. Name "
            "overlapping scenes into one split (`select.split.test_scenes`, "
            "`select.split.val_scenes`), or let blocks cut them."
        )
