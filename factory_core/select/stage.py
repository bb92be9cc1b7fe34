"""Catalogue and query -> train, val and test that do not overlap."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
from omegaconf import DictConfig

from factory_core.kernel import io
from factory_core.kernel.config import build, section, taxonomy
from factory_core.kernel.errors import ConfigError
from factory_core.select import held_ground, leakage, report
from factory_core.select.areas import lay_out, settle_twins
from factory_core.select.balance import share_out
from factory_core.select.catalogue import Catalogue, read_catalogue
from factory_core.select.counts import count
from factory_core.select.geofence import cut_outlines, read_geofence
from factory_core.select.goals import Wishes, check_quotas, state_problem
from factory_core.select.query import choose_scenes
from factory_core.select.rotation import rotate
from factory_core.select.settings import Settings
from factory_core.select.twins import find_twins
from factory_core.select.units import SPLITS, Pool, Rotating, Split, Unit, shares_of


def run(
    config: DictConfig,
    *,
    catalogue: Path,
    out: Path,
    query: Path | None = None,
    test_ground: Path | None = None,
) -> None:
    """Choose scenes and ground, split them, and write the blocks and how close they came.

    Args:
        config: The sections `select`, `taxonomy` and `fingerprint`.
        catalogue: What the stage catalogue wrote.
        out: Folder for `selection.parquet` and `selection.json`.
        query: Folder of the files that the query names: a geofence, a given split.
        test_ground: The memory of what was test, read and written; None keeps none.
    """
    settings = section(config, "select", Settings)
    split: Split = build(config.select.split, where="select.split")
    classes = taxonomy(config)
    table = catalogue / "scenes.parquet"
    chosen = choose_scenes(table, where=settings.where)
    known = read_catalogue(catalogue)
    check_quotas(
        settings.quotas,
        taxonomy=classes,
        contexts=list(known.contexts_of_scene.columns),
        window_m=settings.window_m,
    )
    pool, outside = _pool(known, chosen, settings, query)
    held = held_ground.read_test_ground(test_ground) if test_ground else []
    inputs = [str(config.select), str(config.taxonomy), str(config.fingerprint.select)]
    inputs += held_ground.digest_files([catalogue, *([query] if query else [])])
    earlier = held_ground.before_this(held, inputs)
    crs = {name: str(outline.crs) for name, outline in known.outlines.items()}
    units = held_ground.hold(
        settle_twins(split(pool), pool.twins),
        earlier,
        crs=crs,
        hashes=known.hashes,
        footprints=known.footprints,
        max_bits=settings.near_duplicate_bits,
    )
    counts = count(
        units,
        known.labels,
        known.contexts,
        of_scene=known.contexts_of_scene,
        window_m=settings.window_m,
    )
    wishes = Wishes(
        settings.quotas,
        settings.budget_windows,
        settings.window_m,
        settings.background_share,
        _shares(split, units),
        settings.level,
        settings.seed,
    )
    problem = state_problem(units, counts, wishes, taxonomy=classes)
    choice = share_out(problem)
    goals = report.closeness(problem, choice, wishes)
    if isinstance(split, Rotating):
        choice, of_fold = rotate(choice, split, counts, wishes, taxonomy=classes)
        goals = [row | {"goal": _before_rotation(row["goal"])} for row in goals] + of_fold
    blocks = lay_out(
        units, _splits(choice), crs=crs, gap_m=split.gap_m, why_left="beyond the budget or a quota"
    )
    leak = out.parent / f"{out.name}.leak.html"
    leakage.refuse_leaks(blocks, pool.twins, map_file=leak)
    balance = report.measure_balance(blocks, known.labels, taxonomy=classes)
    report.refuse_empty(balance)
    left_out = _left_out(known, chosen, outside, settings)
    key = {"inputs": inputs, "earlier": held_ground.version_of(inputs, earlier)}
    with io.staged(out, key=key) as work:
        io.write_by_scene([*blocks.values(), *left_out], work / "selection.parquet")
        found = {
            "balance": balance,
            "goals": goals,
            "leakage": {"max_overlap_m2": 0.0, "near_duplicates": [list(p) for p in pool.twins]},
            "held_as_test": sorted({n for u in units if u.held for n in u.pieces}),
        }
        io.write_json(found, work / "selection.json")
    if test_ground:
        version = held_ground.version_of(inputs, earlier)
        now = held_ground.remember(earlier, blocks, known.hashes, version=version)
        held_ground.write_test_ground(now, test_ground)
    report.print_report(balance, goals)
    if test_ground and now != held:
        print(f"{test_ground} has more ground of test: commit it.", file=sys.stderr)


def _pool(
    known: Catalogue, chosen: Sequence[str], settings: Settings, query: Path | None
) -> tuple[Pool, dict[str, gpd.GeoSeries]]:
    """The chosen scenes inside the geofence, and their ground outside it."""
    outlines: Mapping[str, gpd.GeoSeries] = {name: known.outlines[name] for name in chosen}
    outside: dict[str, gpd.GeoSeries] = {}
    if settings.geofence is not None:
        if query is None:
            raise ConfigError(
                "`select.geofence` names a file, and the stage was given no folder to find it in. "
                "In dvc.yaml, give `factory select` the option `--query conf/query`, and list that "
                "folder under its `deps`."
            )
        path = query / settings.geofence
        outlines, outside = cut_outlines(outlines, read_geofence(path), path=path)
    hashes = {name: known.hashes[name] for name in outlines}
    twins = find_twins(hashes, known.footprints, max_bits=settings.near_duplicate_bits)
    pool = Pool(outlines, known.times, twins, list(known.outlines), query or Path("conf/query"))
    return pool, outside


def _shares(split: Split, units: Sequence[Unit]) -> Mapping[str, float]:
    """The shares of the splits; folds are judged on the test that there is already."""
    if isinstance(split, Rotating) and any(unit.split == "test" for unit in units):
        return shares_of(0.0, 0.0)
    return split.shares


def _before_rotation(goal: str) -> str:
    """What a goal is called that was reached before a fold of train became val."""
    return f"train and val{goal.removeprefix('train')}" if goal.startswith("train ") else goal


def _splits(choice: np.ndarray) -> list[str]:
    return [SPLITS[int(row.argmax())] if row.any() else "" for row in choice]


def _left_out(
    known: Catalogue,
    chosen: Sequence[str],
    outside: Mapping[str, gpd.GeoSeries],
    settings: Settings,
) -> list[gpd.GeoDataFrame]:
    """Ground that is not in any unit, with the reason."""
    kept = set(chosen)
    rows = [
        (name, outline, f"not selected: {settings.where}")
        for name, outline in known.outlines.items()
        if name not in kept
    ]
    rows += [(n, o, f"outside the geofence {settings.geofence}") for n, o in outside.items()]
    return [
        gpd.GeoDataFrame(
            [{"scene_id": name, "block": -1, "split": "", "reason": reason}],
            geometry=outline.to_numpy(),
            crs=outline.crs,
        )
        for name, outline, reason in rows
    ]
