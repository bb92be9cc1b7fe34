"""Units with their split -> blocks of each scene, splits kept apart on the ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from shapely import STRtree, union_all
from shapely.geometry.base import BaseGeometry

from factory_core.select.ground import GLOBE, move, only_polygons, to_crs
from factory_core.select.units import Unit

# Earlier ones keep their ground, later ones give way.
PRECIOUS_FIRST = ("test", "val", "train")
DEGREE_M = 111_000.0


@dataclass(frozen=True)
class _Piece:
    unit: int
    scene_id: str
    geometry: BaseGeometry
    split: str
    firm: bool

    def gives_way_to(self, other: _Piece) -> bool:
        if self.firm or self.unit == other.unit or self.split == other.split:
            return False
        rank = PRECIOUS_FIRST.index
        return other.firm or rank(other.split) < rank(self.split)


def settle_twins(units: Sequence[Unit], twins: Sequence[tuple[str, str]]) -> list[Unit]:
    """Leave out scenes that look like one of a more precious split.

    Only scenes whose split is decided can be parted from their twin, and only those whose
    split is not the user's own word are left out.
    """
    of_scene = {name: n for n, unit in enumerate(units) if unit.split for name in unit.pieces}
    result = list(units)
    for one, two in twins:
        if one not in of_scene or two not in of_scene:
            continue
        rank = PRECIOUS_FIRST.index
        pair = [(rank(units[of_scene[name]].split), name) for name in (one, two)]
        (kept_rank, kept), (lost_rank, lost) = sorted(pair)
        loser = units[of_scene[lost]]
        if kept_rank < lost_rank and not loser.firm:
            reason = f"looks like {kept}, which is in {PRECIOUS_FIRST[kept_rank]}"
            result[of_scene[lost]] = replace(loser, split="", reason=reason)
    return result


def lay_out(
    units: Sequence[Unit],
    splits: Sequence[str],
    *,
    crs: Mapping[str, str],
    gap_m: float,
    why_left: str,
) -> dict[str, gpd.GeoDataFrame]:
    """The blocks of each scene.

    Args:
        units: Ground, in the CRS of each scene.
        splits: The split of each unit, empty where it is left out.
        crs: CRS of each scene.
        gap_m: Distance that two splits keep.
        why_left: The reason of a unit that the balance leaves out.

    Returns:
        For each scene, in its CRS: `scene_id`, `block` (the same number is the same unit),
        `split` (`train`, `val`, `test` or empty), `reason` where it is empty, and geometry.
    """
    pieces = [
        _Piece(number, name, piece, split, unit.firm)
        for number, (unit, split) in enumerate(zip(units, splits, strict=True))
        if split
        for name, piece in unit.pieces.items()
    ]
    closed = _closed(pieces, crs, gap_m)
    rows: dict[str, list[dict[str, object]]] = {}
    for piece, taken in zip(pieces, closed, strict=True):
        free = piece.geometry if taken is None else only_polygons(piece.geometry.difference(taken))
        own = rows.setdefault(piece.scene_id, [])
        if free.area:
            own.append(_row(piece.scene_id, piece.unit, free, split=piece.split))
        if taken is not None:
            left = only_polygons(piece.geometry.difference(free))
            reason = f"within {gap_m:g} m of a split that goes before {piece.split}"
            own += [_row(piece.scene_id, piece.unit, left, reason=reason)] if left.area else []
    for number, (unit, split) in enumerate(zip(units, splits, strict=True)):
        for name, ground in unit.pieces.items():
            if not split:
                reason = unit.reason or why_left
                rows.setdefault(name, []).append(_row(name, number, ground, reason=reason))
    return {
        name: gpd.GeoDataFrame(
            sorted(own, key=lambda row: (row["block"], row["split"] == "")), crs=crs[name]
        )
        for name, own in rows.items()
    }


def _closed(
    pieces: Sequence[_Piece], crs: Mapping[str, str], gap_m: float
) -> Iterator[BaseGeometry | None]:
    """The ground that each piece must leave free, in its CRS; None where there is none."""
    if not pieces:
        return
    on_globe = _on_globe(pieces, crs)
    tree = STRtree(on_globe)
    for piece, (left, low, right, high) in zip(pieces, shapely.bounds(on_globe), strict=True):
        reach = (gap_m + 1.0) / DEGREE_M
        wide = reach / max(float(np.cos(np.radians(max(abs(low), abs(high))))), 1e-3)
        near = tree.query(shapely.box(left - wide, low - reach, right + wide, high + reach))
        before = [pieces[n] for n in sorted(near.tolist()) if piece.gives_way_to(pieces[n])]
        target = crs[piece.scene_id]
        moved = [move(p.geometry, source=crs[p.scene_id], target=target) for p in before]
        yield union_all(moved).buffer(gap_m, join_style="mitre") if moved else None


def _on_globe(pieces: Sequence[_Piece], crs: Mapping[str, str]) -> np.ndarray:
    result = np.empty(len(pieces), dtype=object)
    systems: dict[str, list[int]] = {}
    for place, piece in enumerate(pieces):
        systems.setdefault(crs[piece.scene_id], []).append(place)
    for system, places in systems.items():
        own = gpd.GeoSeries([pieces[place].geometry for place in places], crs=system)
        result[places] = to_crs(own, GLOBE).to_numpy()
    return result


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
