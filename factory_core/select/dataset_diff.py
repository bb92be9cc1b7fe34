"""What changed between two versions of a dataset: scenes, labels by class, splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from factory_core.select.ground import GLOBE, move
from factory_core.select.map import Shape, write_map
from factory_core.select.revisions import Version, read_version
from factory_core.select.units import SPLITS

# A scene is another one where one of these differs: its look, its grid, its time, its bands.
FACTS = ("image_hash", "proj:code", "proj:wkt2", "proj:shape", "proj:transform", "datetime")
# Labels whose corners lie within this distance are the same.
GRID_M = 0.01
# A label that covers so much of one that is gone is that one, drawn anew.
SAME = 0.5
SMALLEST_M2 = 1.0
MOST_LABELS_DRAWN = 5000
POINT_M = 1.0


@dataclass(frozen=True)
class Difference:
    """What changed from one version to another.

    Attributes:
        names: The two versions.
        scenes: A row a scene that is not the same: `scene_id`, `change`.
        labels: A row a label that is not the same: `label` (the new one where it changed),
            `change`, `scene_id`, `ground` in longitude and latitude.
        counts: A row a class: `label`, `before`, `after`.
        moved: A row a scene and pair of splits: `scene_id`, `before`, `after` (a split or
            `left out`), `area_m2`, `ground` in longitude and latitude.
        unchanged: Footprints of the scenes that are the same.
        footprints: Footprints of the scenes that are not.
    """

    names: tuple[str, str]
    scenes: pd.DataFrame
    labels: pd.DataFrame
    counts: pd.DataFrame
    moved: pd.DataFrame
    unchanged: dict[str, BaseGeometry]
    footprints: dict[str, BaseGeometry]


def compare(before: Version, after: Version) -> Difference:
    """Compare two versions of a dataset."""
    scenes = list(_scenes(before.scenes, after.scenes))
    changed = {name for name, _ in scenes}
    ids = sorted({*before.labels, *after.labels})
    labels = [row for name in ids for row in _labels(name, before, after)]
    in_both = [name for name in before.blocks if name in after.blocks]
    moved = [
        row for name in in_both for row in _moves(name, before.blocks[name], after.blocks[name])
    ]
    footprints = {**before.scenes.geometry, **after.scenes.geometry}
    return Difference(
        (before.name, after.name),
        pd.DataFrame(scenes, columns=["scene_id", "change"]),
        pd.DataFrame(labels, columns=["scene_id", "label", "change", "ground"]),
        _counts(before, after),
        pd.DataFrame(moved, columns=["scene_id", "before", "after", "area_m2", "ground"]),
        {str(n): shape for n, shape in footprints.items() if n not in changed},
        {str(n): shape for n, shape in footprints.items() if n in changed},
    )


def _scenes(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> Iterator[tuple[str, str]]:
    facts = [name for name in FACTS if name in before and name in after]
    for name in sorted({*before.index, *after.index}):
        if name not in before.index:
            yield name, "added"
        elif name not in after.index:
            yield name, "removed"
        elif any(_differ(before[fact][name], after[fact][name]) for fact in facts):
            yield name, "changed"


def _differ(one: Any, two: Any) -> bool:
    if isinstance(one, (list, tuple, np.ndarray)) or isinstance(two, (list, tuple, np.ndarray)):
        return not np.array_equal(np.asarray(one), np.asarray(two))
    return bool(one != two) and not (pd.isna(one) and pd.isna(two))


def _labels(
    name: str, before: Version, after: Version
) -> Iterator[tuple[str, str, str, BaseGeometry]]:
    """Labels of a scene that are not the same: paired by place, then by overlap."""
    new = after.labels.get(name)
    old = before.labels.get(name)
    crs = (new if new is not None else old).crs  # type: ignore[union-attr]  # one of them is there
    gone, come = _rows(old, crs), _rows(new, crs)
    same = Counter(gone) & Counter(come)
    gone, come = list((Counter(gone) - same).elements()), list((Counter(come) - same).elements())
    pairs = dict(_pair(gone, come))
    for place, (label, shape) in enumerate(come):
        ground = move(shapely.from_wkb(shape), source=crs, target=GLOBE)
        yield name, label, "changed" if place in pairs else "added", ground
    for place, (label, shape) in enumerate(gone):
        if place not in pairs.values():
            yield name, label, "removed", move(shapely.from_wkb(shape), source=crs, target=GLOBE)


def _rows(labels: gpd.GeoDataFrame | None, crs: object) -> list[tuple[str, bytes]]:
    if labels is None or not len(labels):
        return []
    shapes = shapely.normalize(
        shapely.set_precision(labels.to_crs(crs).geometry.to_numpy(), GRID_M, mode="pointwise")
    )
    return sorted(zip(labels["label"].astype(str), shapely.to_wkb(shapes), strict=True))


def _pair(
    gone: Sequence[tuple[str, bytes]], come: Sequence[tuple[str, bytes]]
) -> Iterator[tuple[int, int]]:
    """Place in `come` and in `gone` of what is one label, drawn or named anew."""
    if not gone or not come:
        return
    old = shapely.from_wkb([shape for _, shape in gone])
    new = shapely.from_wkb([shape for _, shape in come])
    of_new, of_old = STRtree(old).query(new, predicate="intersects")
    union = shapely.area(shapely.union(new[of_new], old[of_old]))
    shared = shapely.area(shapely.intersection(new[of_new], old[of_old]))
    equal = shapely.equals(new[of_new], old[of_old])
    likeness = np.where(equal, 1.0, shared / np.where(union > 0, union, 1.0))
    taken: set[int] = set()
    found: set[int] = set()
    for place in np.argsort(-likeness, kind="stable"):
        one, two = int(of_new[place]), int(of_old[place])
        if likeness[place] >= SAME and one not in found and two not in taken:
            found.add(one)
            taken.add(two)
            yield one, two


def _counts(before: Version, after: Version) -> pd.DataFrame:
    def count(version: Version) -> Counter[str]:
        return Counter(label for own in version.labels.values() for label in own["label"])

    old, new = count(before), count(after)
    rows = [(name, old[name], new[name]) for name in sorted({*old, *new})]
    return pd.DataFrame(rows, columns=["label", "before", "after"])


def _moves(
    name: str, before: gpd.GeoDataFrame, after: gpd.GeoDataFrame
) -> Iterator[tuple[str, str, str, float, BaseGeometry]]:
    """Ground of a scene that is in another split now."""
    old, new = _by_split(before.to_crs(after.crs)), _by_split(after)
    for one, ground in old.items():
        for two, other in new.items():
            shared = ground.intersection(other)
            if one != two and shared.area > SMALLEST_M2:
                on_globe = move(shared, source=after.crs, target=GLOBE)
                yield name, one, two, float(shared.area), on_globe


def _by_split(blocks: gpd.GeoDataFrame) -> dict[str, BaseGeometry]:
    named = blocks["split"].replace("", "left out")
    return {
        split: blocks.geometry[named == split].union_all()
        for split in (*SPLITS, "left out")
        if (named == split).any()
    }


def tables(difference: Difference) -> dict[str, list[tuple[str, ...]]]:
    """The difference as tables of text, each with its heading first."""
    changes = ("added", "removed", "changed")
    scenes = difference.scenes["change"].value_counts()
    kept = len(difference.unchanged)
    total = [("scenes", *(str(scenes.get(change, 0)) for change in changes), str(kept))]
    labels = difference.labels
    by_class = [
        (
            row["label"],
            str(row["before"]),
            *(
                str(((labels["label"] == row["label"]) & (labels["change"] == change)).sum())
                for change in changes
            ),
            str(row["after"]),
        )
        for row in difference.counts.to_dict("records")
    ]
    moved = difference.moved.groupby(["before", "after"], sort=True)
    moves = [
        (one, two, str(own["scene_id"].nunique()), f"{own['area_m2'].sum() / 1e6:.4f}")
        for (one, two), own in moved
    ]
    return {
        "Scenes": [("", *changes, "the same"), *total],
        "Labels": [("class", "before", *changes, "after"), *by_class],
        "Moved to another split": [("from", "to", "scenes", "km²"), *moves],
    }


def draw(difference: Difference, out: Path) -> None:
    """Draw the difference as one HTML file."""
    shapes = [Shape(shape, "unchanged", name) for name, shape in difference.unchanged.items()]
    change_of = dict(zip(difference.scenes["scene_id"], difference.scenes["change"], strict=True))
    for name, shape in difference.footprints.items():
        shapes.append(Shape(shape, change_of[name], f"{name}: {change_of[name]}"))
    for row in difference.moved.to_dict("records"):
        title = f"{row['scene_id']}: {row['before']} to {row['after']}, {row['area_m2']:,.0f} m²"
        shapes.append(Shape(row["ground"], "moved", title))
    drawn = difference.labels.head(MOST_LABELS_DRAWN)
    for row in drawn.to_dict("records"):
        ground = row["ground"]
        ground = ground if ground.area else ground.buffer(POINT_M / 111_000)
        title = f"{row['scene_id']}: {row['label']} {row['change']}"
        shapes.append(Shape(ground, row["change"], title))
    hidden = len(difference.labels) - len(drawn)
    notes = ["Scenes, labels by class and ground that is in another split now."]
    notes += [f"{hidden:,} more labels that changed are counted and not drawn."] * (hidden > 0)
    write_map(
        shapes,
        out,
        title=f"Dataset: {difference.names[0]} to {difference.names[1]}",
        tables=tables(difference),
        notes=notes,
    )


def dataset_diff(
    first: str, second: str | None, *, root: Path = Path(), out: Path | None = None
) -> None:
    """Print, and draw where `out` is given, what changed between two revisions."""
    from rich.console import Console
    from rich.table import Table

    difference = compare(read_version(root, first), read_version(root, second))
    console = Console()
    for title, rows in tables(difference).items():
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(rows[0]):
            table.add_column(name, justify="right" if number else "left")
        for row in rows[1:]:
            table.add_row(*row)
        console.print(table if rows[1:] else f"{title}: none")
    if out is not None:
        draw(difference, out)
        console.print(f"The map is {out}.")
