"""The query as a problem of balance: shares, quotas and budget as goals over the units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from factory_core.kernel.errors import ConfigError, TaxonomyError, nearest
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.select.balance import Goal, Problem
from factory_core.select.counts import Counts
from factory_core.select.quotas import Quota
from factory_core.select.units import SPLITS, Unit

# What a miss costs: a quota is asked for by name, contexts and ground only follow along.
QUOTA, CLASS, ALONG = 3.0, 1.0, 0.25
KEEP = 0.1


@dataclass(frozen=True)
class Wishes:
    """What a query asks of the balance.

    Attributes:
        quotas: By the user's name for each.
        budget_windows: Windows of ground at most; None: all there is.
        window_m: Side of a window on the ground.
        background_share: Share of the budget that may be ground without a label.
        shares: Of each split; empty where the split is decided otherwise.
        level: Level of the taxonomy at which classes are balanced.
        seed: Chooses among units that serve equally well.
    """

    quotas: Mapping[str, Quota]
    budget_windows: int | None
    window_m: float | None
    background_share: float
    shares: Mapping[str, float]
    level: int
    seed: int


def check_quotas(
    quotas: Mapping[str, Quota],
    *,
    taxonomy: Taxonomy,
    contexts: Sequence[str],
    window_m: float | None,
) -> None:
    """Refuse quotas that name what there is not.

    Raises:
        ConfigError: An unknown class or context, or windows without their size.
    """
    for key, quota in quotas.items():
        where = f"`select.quotas.{key}`"
        if quota.label is not None:
            try:
                taxonomy.path(quota.label)
            except TaxonomyError as error:
                raise ConfigError(f"{where}: {error}") from error
        elif window_m is None and (quota.least is not None or quota.most is not None):
            raise ConfigError(f"{where} counts windows: state `select.window_m`, the side of one.")
        if quota.context is not None and quota.context not in contexts:
            raise ConfigError(
                f"{where} names the context {quota.context!r}, which the catalogue does not have."
                f"{nearest(quota.context, contexts)} There are: {', '.join(contexts) or 'none'}."
            )


def state_problem(
    units: Sequence[Unit], counts: Counts, wishes: Wishes, *, taxonomy: Taxonomy
) -> Problem:
    """The problem that `share_out` solves."""
    allowed = np.array([_allowed(unit, wishes.shares) for unit in units])
    may_leave = wishes.budget_windows is not None or any(
        quota.most is not None or quota.share is not None for quota in wishes.quotas.values()
    )
    optional = np.array(
        [bool(unit.reason) or (may_leave and not unit.held and not unit.firm) for unit in units]
    )
    budget = _budget(counts, wishes)
    whole_m2 = counts.area_m2.sum()
    kept = 1.0 if budget is None else min(1.0, budget.upper / max(budget.amounts[:, 0].sum(), 1e-9))
    goals = list(_share_goals(units, counts, wishes, taxonomy=taxonomy, kept=kept))
    for key, quota in wishes.quotas.items():
        goals.append(_quota_goal(f"quota {key}", quota, counts, wishes, taxonomy, kept=kept))
    if budget is not None:
        least = min(budget.upper, budget.amounts[:, 0].sum())
        goals.append(Goal("budget used", budget.amounts, least, np.inf, max(least, 1e-9)))
        empty = counts.area_m2 - counts.labelled_m2 - wishes.background_share * counts.area_m2
        scale = max(whole_m2 * kept, 1e-9)
        goals.append(Goal("background", _in_all(empty), -np.inf, 0.0, scale))
    elif may_leave:
        goals.append(
            Goal("kept", _in_all(counts.area_m2), whole_m2, np.inf, max(whole_m2, 1e-9), KEEP)
        )
    return Problem(allowed, optional, goals, budget, wishes.seed)


def _allowed(unit: Unit, shares: Mapping[str, float]) -> list[bool]:
    if unit.is_free:
        return [shares.get(split, 0.0) > 0 for split in SPLITS]
    return [split == unit.split for split in SPLITS]


def _budget(counts: Counts, wishes: Wishes) -> Goal | None:
    if wishes.budget_windows is None or wishes.window_m is None:
        return None
    windows = counts.area_m2 / wishes.window_m**2
    budget = float(wishes.budget_windows)
    return Goal("budget", _in_all(windows), -np.inf, budget, max(budget, 1e-9))


def _in_all(amounts: np.ndarray) -> np.ndarray:
    return np.repeat(amounts[:, None], len(SPLITS), axis=1)


def _share_goals(
    units: Sequence[Unit], counts: Counts, wishes: Wishes, *, taxonomy: Taxonomy, kept: float
) -> Iterator[Goal]:
    """In each split its share of each class, of each context, and of the ground."""
    shared = np.array([unit.is_free or unit.held for unit in units])
    open_ = [split for split in SPLITS if wishes.shares.get(split, 0.0) > 0]
    if len(open_) < 2 or not any(unit.is_free for unit in units):
        return
    for name, amounts, weight in amounts_to_balance(counts, wishes, taxonomy):
        own = np.where(shared, amounts, 0.0)
        total = own.sum()
        if total <= 0:
            continue
        for split in open_:
            share, number = wishes.shares[split], SPLITS.index(split)
            table = np.repeat(-share * own[:, None], len(SPLITS), axis=1)
            table[:, number] += own
            yield Goal(f"{split} of {name}", table, 0.0, 0.0, total * kept, weight)


def amounts_to_balance(
    counts: Counts, wishes: Wishes, taxonomy: Taxonomy
) -> Iterator[tuple[str, np.ndarray, float]]:
    """What every split should have its share of: name, `(unit,)` amounts, and what a miss costs."""
    for name in taxonomy.names_at(wishes.level):
        yield name, counts.of_label(name, taxonomy=taxonomy), CLASS
    for key, quota in wishes.quotas.items():
        if quota.context is not None:
            yield f"quota {key}", _counted(quota, counts, wishes, taxonomy), CLASS
    contexts = [name for name in counts.ground.columns if name not in ("unit", "area_m2")]
    for name in contexts:
        values = counts.ground[name].to_numpy(dtype=float)
        yield f"ground, {name}", counts.of_ground(values - np.nanmin([0.0, *values])), ALONG
    yield "ground", counts.area_m2, ALONG if len(counts.labels) else CLASS


def _counted(quota: Quota, counts: Counts, wishes: Wishes, taxonomy: Taxonomy) -> np.ndarray:
    """`(unit,)`: what a quota counts, labels or windows (square metres without a size of one)."""
    if quota.label is not None:
        where = None if quota.context is None else _holds(quota, counts.labels)
        return counts.of_label(quota.label, taxonomy=taxonomy, where=where)
    holds = _holds(quota, counts.ground).astype(float)
    return counts.of_ground(holds) / (wishes.window_m or 1.0) ** 2


def _holds(quota: Quota, table: pd.DataFrame) -> np.ndarray:
    values = table[quota.context].to_numpy(dtype=float)
    low = -np.inf if quota.above is None else quota.above
    high = np.inf if quota.below is None else quota.below
    return np.asarray((values >= low) & (values <= high))


def _quota_goal(
    name: str, quota: Quota, counts: Counts, wishes: Wishes, taxonomy: Taxonomy, *, kept: float
) -> Goal:
    own = _counted(quota, counts, wishes, taxonomy)
    if quota.share is not None:
        if quota.label is None:
            whole = counts.area_m2 / (wishes.window_m or 1.0) ** 2
        elif quota.context is None:
            whole = counts.all_labels()
        else:
            whole = counts.of_label(quota.label, taxonomy=taxonomy)
        scale = max(whole.sum() * kept * max(quota.share, 0.01), 1e-9)
        return Goal(name, _in_all(own - quota.share * whole), 0.0, 0.0, scale, QUOTA)
    lower = -np.inf if quota.least is None else float(quota.least)
    upper = np.inf if quota.most is None else float(quota.most)
    return Goal(
        name, _in_all(own), lower, upper, max(float(quota.least or quota.most or 1), 1.0), QUOTA
    )
