"""How close a selection came to what was asked: labels and ground by split, every goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely import STRtree

from factory_core.kernel.errors import SelectionError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.select.balance import Goal, Problem
from factory_core.select.goals import Wishes
from factory_core.select.units import SPLITS


def measure_balance(
    blocks: Mapping[str, gpd.GeoDataFrame],
    labels: Mapping[str, gpd.GeoDataFrame],
    *,
    taxonomy: Taxonomy,
) -> dict[str, Any]:
    """Labels by class and split, and square metres by split; what was left out is `left_out`.

    A label counts where a point inside it lies, and for every class above its own too; on
    ground that several scenes show, it counts once a scene.
    """
    area_m2 = dict.fromkeys((*SPLITS, "left_out"), 0.0)
    counts = {split: dict.fromkeys(taxonomy.all_names(), 0) for split in area_m2}
    for scene_id, own in blocks.items():
        splits = own["split"].replace("", "left_out").to_numpy()
        shapes = own.geometry.to_numpy()
        for split, area in zip(splits, shapely.area(shapes), strict=True):
            area_m2[split] += float(area)
        if scene_id in labels and len(labels[scene_id]):
            points = labels[scene_id].representative_point().to_numpy()
            place, block = STRtree(shapes).query(points, predicate="intersects")
            _, first = np.unique(place, return_index=True)  # a point on the edge of two blocks
            names = labels[scene_id]["label"].to_numpy()[place[first]]
            for label, split in zip(names, splits[block[first]], strict=True):
                for name in taxonomy.path(label):
                    counts[split][name] += 1
    return {"labels": counts, "area_m2": area_m2}


def refuse_empty(balance: Mapping[str, Any]) -> None:
    """Stop where a split has no ground or no label.

    Raises:
        SelectionError: One is empty; names it and what there is.
    """
    for split in SPLITS:
        total = max(balance["labels"][split].values())
        if total == 0:
            what = "no label" if balance["area_m2"][split] > 0 else "no ground at all"
            have = {name: max(balance["labels"][name].values()) for name in balance["labels"]}
            raise SelectionError(
                f"The split {split!r} has {what}. Labels: {have}. Change the shares or the "
                "named scenes of `select.split`, make its blocks or its gap smaller (`block_m`, "
                "`gap_m`), or loosen `select.where`. Scenes that touch each other all go one way "
                "unless `split: spatial_blocks` cuts them apart."
            )


def closeness(problem: Problem, chosen: np.ndarray, wishes: Wishes) -> list[dict[str, Any]]:
    """Every goal of the balance, what was wanted and what was reached.

    Shares are reached shares of what the balance could choose or keep; the gap between splits
    takes its strip of ground only afterwards.
    """
    rows = []
    for goal in [*problem.goals, *([problem.limit] if problem.limit else [])]:
        amount = float((goal.amounts * chosen).sum())
        row: dict[str, Any] = {"goal": goal.name, "miss": round(goal.miss(chosen), 4)}
        if " of " in goal.name and goal.lower == goal.upper == 0:
            row |= _of_share(goal, chosen, wishes)
        elif goal.name.startswith("quota "):
            quota = wishes.quotas[goal.name.removeprefix("quota ")]
            row |= {"wanted": str(quota), "reached": round(amount, 3)}
            if quota.share is not None:
                row["reached"] = _share_reached(goal, chosen, quota.share)
        else:
            row |= {"wanted": _range(goal), "reached": round(amount, 3)}
        rows.append(row)
    return rows


def _of_share(goal: Goal, chosen: np.ndarray, wishes: Wishes) -> dict[str, Any]:
    split = goal.name.partition(" ")[0]
    share, column = wishes.shares[split], SPLITS.index(split)
    others = [n for n in range(len(SPLITS)) if n != column]
    # The table holds amount times (1 - share) in its own split, times -share in the others.
    own = goal.amounts[:, column] / (1 - share) if share < 1 else -goal.amounts[:, others[0]]
    total = float((own[:, None] * chosen).sum())
    reached = float((own * chosen[:, column]).sum()) / total if total else 0.0
    return {"wanted": f"{share:.1%}", "reached": f"{reached:.1%}"}


def _share_reached(goal: Goal, chosen: np.ndarray, share: float) -> str:
    over = float((goal.amounts * chosen).sum())
    if abs(over) < 1e-9:
        return "as asked"
    return f"{abs(over):.1f} too {'many' if over > 0 else 'few'} for {share:.0%}"


def _range(goal: Goal) -> str:
    low = f"at least {goal.lower:g}" if np.isfinite(goal.lower) else ""
    high = f"at most {goal.upper:g}" if np.isfinite(goal.upper) else ""
    return " and ".join(text for text in (low, high) if text)


def print_report(balance: Mapping[str, Any], goals: Sequence[Mapping[str, Any]]) -> None:
    """Print labels by class and split, then the goals, those missed by most first."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True)
    counts = Table(title="Labels and ground", title_justify="left")
    counts.add_column("")
    columns = [*SPLITS, "left_out"]
    for name in columns:
        counts.add_column(name.replace("_", " "), justify="right")
    for label in balance["labels"]["train"]:
        counts.add_row(label, *(str(balance["labels"][split][label]) for split in columns))
    counts.add_row("km²", *(f"{balance['area_m2'][split] / 1e6:.3f}" for split in columns))
    console.print(counts)
    if goals:
        table = Table(title="How close every goal came", title_justify="left")
        for name in ("goal", "wanted", "reached", "missed by"):
            table.add_column(name)
        for row in sorted(goals, key=lambda row: -row["miss"])[:30]:
            missed = f"{row['miss']:.1%}" if row["miss"] else ""
            table.add_row(row["goal"], row["wanted"], str(row["reached"]), missed)
        console.print(table)
