"""Deal what is not test into folds, one of which is val."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from factory_core.kernel.errors import SelectionError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.select.balance import Goal, Problem, share_out
from factory_core.select.counts import Counts
from factory_core.select.goals import Wishes, amounts_to_balance
from factory_core.select.units import SPLITS, Rotating

TRAIN, VAL = SPLITS.index("train"), SPLITS.index("val")


def rotate(
    choice: np.ndarray, split: Rotating, counts: Counts, wishes: Wishes, *, taxonomy: Taxonomy
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Give the units of one fold of train to val.

    The folds depend on everything but `split.fold`, so they are the same in each.

    Args:
        choice: `(unit, split)`, bool, with nothing in val.
        split: How many folds, and which of them is val.
        counts: What the units hold.
        wishes: What is balanced.
        taxonomy: The class tree.

    Returns:
        `choice` with val; and for each class, context and for the ground what share the fold
        has of train and val together.

    Raises:
        SelectionError: There are fewer units than folds, or a fold without ground or label.
    """
    members = np.flatnonzero(choice[:, TRAIN])
    folds = _deal(members, split, counts, wishes, taxonomy=taxonomy)
    rotated = choice.copy()
    val = members[folds == split.fold]
    rotated[val, TRAIN], rotated[val, VAL] = False, True
    rows = []
    for name, amounts, _ in amounts_to_balance(counts, wishes, taxonomy):
        total = amounts[members].sum()
        if total > 0:
            reached, wanted = amounts[val].sum() / total, 1 / split.k
            rows.append(
                {
                    "goal": f"fold {split.fold} of {name}",
                    "miss": round(float(abs(reached - wanted)), 4),
                    "wanted": f"{wanted:.1%}",
                    "reached": f"{reached:.1%}",
                }
            )
    return rotated, rows


def _deal(
    members: np.ndarray, split: Rotating, counts: Counts, wishes: Wishes, *, taxonomy: Taxonomy
) -> np.ndarray:
    """The fold of each of `members`."""
    count, k = len(members), split.k
    advice = "Make `select.split.k` smaller, or its blocks (`block_m`)."
    if count < k:
        raise SelectionError(
            f"`select.split.k` is {k}, and beside test there are {count} blocks of ground that "
            f"could be dealt into so many folds. {advice}"
        )
    # Fold after fold takes its share of what is left: exact enough, and fast for many folds.
    folds = np.full(count, k - 1)
    for fold in range(k - 1):
        left = folds == k - 1
        goals = list(_goals(members[left], 1 / (k - fold), counts, wishes, taxonomy=taxonomy))
        free = np.ones((left.sum(), 2), bool)
        chosen = share_out(Problem(free, np.zeros(len(free), bool), goals, None, wishes.seed))
        folds[np.flatnonzero(left)[chosen[:, 0]]] = fold
    labels = counts.all_labels()[members]
    of_fold = [int(labels[folds == fold].sum()) for fold in range(k)]
    if min(of_fold) == 0:
        raise SelectionError(
            f"Not every fold can have a label: the {k} folds of `select.split` have "
            f"{', '.join(map(str, of_fold))} labels in {count} blocks of ground. {advice}"
        )
    return folds


def _goals(
    members: np.ndarray, share: float, counts: Counts, wishes: Wishes, *, taxonomy: Taxonomy
) -> Iterator[Goal]:
    """In the first of two parts the share of each class, of each context, and of the ground."""
    for name, amounts, weight in amounts_to_balance(counts, wishes, taxonomy):
        own = amounts[members]
        if own.sum() > 0:
            table = np.stack([(1 - share) * own, -share * own], axis=1)
            yield Goal(name, table, 0.0, 0.0, own.sum(), weight)
