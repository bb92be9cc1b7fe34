"""The memory of what was test: ground that is test once never moves to train or val."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import shapely
from shapely import STRtree, union_all
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from factory_core.kernel import io
from factory_core.kernel.errors import LeakError, SelectionError
from factory_core.select.ground import GLOBE, move, only_polygons
from factory_core.select.twins import copies_of, is_hash
from factory_core.select.units import Unit

# What is below this area is rounding between two CRS, not ground.
TOLERANCE_M2 = 1.0
# A tenth of a millimetre, in degrees.
GRID_DEG = 1e-9


@dataclass(frozen=True)
class Held:
    """Ground that was test in an earlier version.

    Attributes:
        scene_id: The scene that showed it.
        image_hash: What that scene looked like; empty where it is not known.
        version: What chose it: `version_of` the inputs of that selection.
        ground: Polygons in longitude and latitude.
    """

    scene_id: str
    image_hash: str
    version: str
    ground: BaseGeometry


def read_test_ground(path: Path) -> list[Held]:
    """Read the memory; nothing where there is none yet.

    Raises:
        SelectionError: It is damaged.
    """
    if not path.is_file():
        return []
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        return [
            Held(
                feature["properties"]["scene_id"],
                feature["properties"]["image_hash"],
                feature["properties"]["version"],
                shape(feature["geometry"]),
            )
            for feature in features
        ]
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise SelectionError(
            f"{path}, which remembers the ground of test, is damaged ({error!r}). Take it back "
            f"from Git: `git checkout HEAD -- {path}`; after a merge, keep the lines of both sides."
        ) from error


def write_test_ground(held: Sequence[Held], path: Path) -> None:
    """Write the memory as GeoJSON, one line a feature, so that Git can merge and show it."""
    lines = [
        json.dumps(
            {
                "type": "Feature",
                "properties": {
                    "scene_id": own.scene_id,
                    "image_hash": own.image_hash,
                    "version": own.version,
                },
                "geometry": mapping(own.ground),
            }
        )
        for own in held
    ]
    text = '{"type": "FeatureCollection", "features": [\n' + ",\n".join(lines) + "\n]}\n"
    with io.staged_file(path) as work:
        work.write_text(text, encoding="utf-8")


def digest_files(folders: Iterable[Path]) -> list[str]:
    """Name and SHA-256 of every file in the folders."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    return [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]


def version_of(inputs: object, earlier: Sequence[Held]) -> str:
    """Twelve hex digits of everything that a choice depends on."""
    known = [(own.scene_id, own.image_hash, own.version, own.ground.wkb_hex) for own in earlier]
    text = json.dumps([inputs, known], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def before_this(held: Sequence[Held], inputs: object) -> list[Held]:
    """What was test before the selection with these `inputs` was made.

    A stage that runs again must give the same again: what it added itself at its last run is
    chosen anew, from the same inputs, and not taken for the past.
    """
    if held:
        last = held[-1].version
        earlier = [own for own in held if own.version != last]
        if version_of(inputs, earlier) == last:
            return earlier
    return list(held)


def hold(
    units: Sequence[Unit],
    held: Sequence[Held],
    *,
    crs: Mapping[str, str],
    hashes: Mapping[str, object],
    footprints: Mapping[str, BaseGeometry],
    max_bits: int,
) -> list[Unit]:
    """`units` with the ground that was test in test.

    A block is cut along it; a scene that is not to be cut goes to test as a whole, and so
    does a copy of a scene that was test, under another name or at another place.

    Args:
        units: What a split gave.
        held: What was test before.
        crs: CRS of each scene.
        hashes: `image_hash` of each scene.
        footprints: The whole of each scene, chosen or not, in longitude and latitude.
        max_bits: Bits in which the hashes of copies may differ.

    Raises:
        LeakError: The user names such a scene for another split.
    """
    if not held:
        return list(units)
    ground = _ground_of_scenes(units, held, crs)
    copies = _copies(units, held, hashes, footprints, max_bits=max_bits)
    result: list[Unit] = []
    for unit in units:
        inside = {
            name: only_polygons(piece.intersection(ground[name]))
            for name, piece in unit.pieces.items()
            if name in ground
        }
        touched = {name: part for name, part in inside.items() if part.area > TOLERANCE_M2}
        if not touched and not copies & unit.pieces.keys():
            result.append(unit)
            continue
        _refuse_firm(unit, sorted(touched) or sorted(copies & unit.pieces.keys()))
        rest = {
            name: only_polygons(piece.difference(ground[name])) if name in touched else piece
            for name, piece in unit.pieces.items()
        }
        left = {name: piece for name, piece in rest.items() if piece.area > TOLERANCE_M2}
        if unit.whole or not left:
            result.append(replace(unit, split="test", reason="", held=True))
        else:
            result += [replace(unit, pieces=touched, split="test", reason="", held=True)]
            result += [replace(unit, pieces=left)]
    return result


def _ground_of_scenes(
    units: Iterable[Unit], held: Sequence[Held], crs: Mapping[str, str]
) -> dict[str, BaseGeometry]:
    """What was test of the ground of each scene, in its CRS; only scenes that show some."""
    tree = STRtree([own.ground for own in held])
    pieces: dict[str, list[BaseGeometry]] = {}
    for unit in units:
        for name, piece in unit.pieces.items():
            pieces.setdefault(name, []).append(piece)
    found = {}
    for name, own in pieces.items():
        extent = shapely.box(*shapely.total_bounds(own))
        met = tree.query(move(extent, source=crs[name], target=GLOBE), predicate="intersects")
        if len(met):
            moved = [move(held[n].ground, source=GLOBE, target=crs[name]) for n in sorted(met)]
            ground = union_all(moved)
            if any(piece.intersection(ground).area > TOLERANCE_M2 for piece in own):
                found[name] = ground
    return found


def _copies(
    units: Iterable[Unit],
    held: Sequence[Held],
    hashes: Mapping[str, object],
    footprints: Mapping[str, BaseGeometry],
    *,
    max_bits: int,
) -> set[str]:
    """Scenes that were test by name or by looks, and lie elsewhere now."""
    tree = STRtree([own.ground for own in held])
    names = {name for unit in units for name in unit.pieces}
    elsewhere = {name for name in names if not len(tree.query(footprints[name], "intersects"))}
    known = {name: int(str(hashes[name]), 16) for name in elsewhere if is_hash(hashes.get(name))}
    found = {own.scene_id for own in held} & elsewhere
    for value in {own.image_hash for own in held if is_hash(own.image_hash)}:
        found |= set(copies_of(int(value, 16), known, max_bits=max_bits))
    return found


def _refuse_firm(unit: Unit, names: Sequence[str]) -> None:
    if unit.firm and unit.split != "test":
        raise LeakError(
            f"{', '.join(names[:5])} was test in an earlier version, or shows ground that was, and "
            f"`select.split` names it for {unit.split}. What was test once stays test, or the "
            "figures of two versions could not be compared: take the name out. To begin a new "
            "series of versions on purpose, delete the file of the test ground."
        )


def remember(
    earlier: Sequence[Held],
    blocks: Mapping[str, gpd.GeoDataFrame],
    hashes: Mapping[str, object],
    *,
    version: str,
) -> list[Held]:
    """The memory with the ground of test of this selection."""
    result = list(earlier)
    tree = STRtree([own.ground for own in earlier])
    for name in sorted(blocks):
        frame = blocks[name]
        own = frame.geometry[frame["split"] == "test"]
        if not len(own):
            continue
        ground = move(own.union_all(), source=frame.crs, target=GLOBE)
        met = [earlier[n].ground for n in sorted(tree.query(ground, predicate="intersects"))]
        new = only_polygons(ground.difference(union_all(met))) if met else ground
        if new.area and move(new, source=GLOBE, target=frame.crs).area > TOLERANCE_M2:
            rounded = shapely.set_precision(new, GRID_DEG)
            image_hash = hashes.get(name)
            text = image_hash if isinstance(image_hash, str) else ""
            result.append(Held(name, text, version, rounded))
    return result
