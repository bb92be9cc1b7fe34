"""What each parameter does to an objective, and what the two strongest do together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from factory_core.running_points.choose import Tried
from factory_core.tune.values import written

MOST_VALUES = 16
BINS = 8
SHARED = 0.25


@dataclass(frozen=True)
class Effect:
    """What one parameter does.

    Points that failed (`failing_value`) count in `best`, `failed` and `share_of_failing` alone:
    they are so far from all others that they would hide what is between those.

    Attributes:
        key: The parameter.
        share: Of the variance of the objective, what the means of its values explain, in [0, 1].
        share_of_failing: The same of whether a point failed or not; 0 where none did, or all.
        labels: Its values, or the ranges that its many values were cut into.
        place: `(point,)` of the value of each point among `labels`, -1 where its chain lacks it.
        best: `(value,)` best of the objective.
        median: `(value,)` median of the objective; NaN where all points failed.
        failed: `(value,)` share of the points that failed.
    """

    key: str
    share: float
    share_of_failing: float
    labels: tuple[str, ...]
    place: np.ndarray
    best: np.ndarray
    median: np.ndarray
    failed: np.ndarray


def failing_value(values: np.ndarray, *, maximize: bool) -> float | None:
    """The worst value, where points that have it failed altogether; None where none did.

    Where more is better that is 0: nothing was got right. Where less is, it is a value far off all
    others that a quarter of the points share: all labels missed, say. None too where all have it.

    Args:
        values: `(point,)` of the objective.
        maximize: Whether more of it is better.
    """
    if not len(values) or np.ptp(values) == 0:
        return None
    if maximize:
        return 0.0 if values.min() == 0 else None
    worst = float(values.max())
    others = values[values != worst]
    shared = len(values) - len(others) >= max(2, SHARED * len(values))
    is_far = worst > _bad_end(others, maximize=False)
    return worst if shared and is_far else None


def good_range(values: np.ndarray, *, maximize: bool) -> tuple[float, float, str]:
    """Least and greatest value of a scale on which the good values can be told apart.

    The best three quarters of the values have two thirds of it, or more: what is so bad that they
    would have less lies beyond its end.

    Args:
        values: `(value,)`, one at least.
        maximize: Whether more is better.

    Returns:
        The two ends, and beyond which of them values lie: `min`, `max` or `neither`.
    """
    low, high = float(values.min()), float(values.max())
    end = _bad_end(values, maximize=maximize)
    if not low < end < high:
        return low, high, "neither"
    return (end, high, "min") if maximize else (low, end, "max")


def _bad_end(values: np.ndarray, *, maximize: bool) -> float:
    """Where the scale of `good_range` ends at the bad side, if any value lies that far."""
    best = values.max() if maximize else values.min()
    quarter = np.quantile(values, 0.25 if maximize else 0.75)
    return float(quarter + (quarter - best) / 2)


def effects(tried: Sequence[Tried], *, metric: str, maximize: bool) -> list[Effect]:
    """The effect of every parameter, the strongest first, by the points that did not fail.

    Args:
        tried: Points that have a number for `metric`.
        metric: The objective.
        maximize: Whether more of it is better.

    Source: the share is the correlation ratio, Pearson 1905 (On the general theory of skew
    correlation), of a full grid without a failed point the first-order index of Sobol.
    """
    values = np.array([one.numbers[metric] for one in tried], float)
    keys = list(dict.fromkeys(key for one in tried for key in one.point.settings))
    found = [_effect(key, tried, values, maximize=maximize) for key in keys]
    return sorted(found, key=lambda effect: (-effect.share, -effect.share_of_failing))


def _effect(key: str, tried: Sequence[Tried], values: np.ndarray, *, maximize: bool) -> Effect:
    labels, place = _places([one.point.settings.get(key) for one in tried])
    failed = values == failing_value(values, maximize=maximize)
    there = np.where(failed, -1, place)
    _, share = _explained(values, there, count=len(labels))
    failing, share_of_failing = _explained(failed.astype(float), place, count=len(labels))
    groups = [values[place == index] for index in range(len(labels))]
    best = np.array([group.max() if maximize else group.min() for group in groups])
    others = [values[there == index] for index in range(len(labels))]
    median = np.array([np.median(group) if len(group) else np.nan for group in others])
    return Effect(key, share, share_of_failing, labels, place, best, median, failing)


def _explained(values: np.ndarray, place: np.ndarray, *, count: int) -> tuple[np.ndarray, float]:
    """Mean of the values at each of `count` places, and what these explain of the variance.

    Values at -1 do not count; a place without any has the mean NaN.
    """
    inside, at = values[place >= 0], place[place >= 0]
    counts = np.bincount(at, minlength=count)
    means = np.full(count, np.nan)
    np.divide(np.bincount(at, inside, minlength=count), counts, out=means, where=counts > 0)
    if not len(inside) or np.ptp(inside) == 0:
        return means, 0.0
    spread = float(((inside - inside.mean()) ** 2).sum())
    return means, float(np.nansum(counts * (means - inside.mean()) ** 2)) / spread


def _places(values: Sequence[Any]) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of values, and which each is of; None is none."""
    texts = [None if value is None else written(value) for value in values]
    known = list(dict.fromkeys(text for text in texts if text is not None))
    numeric = all(_is_number(value) for value in values if value is not None)
    if numeric and len(known) > MOST_VALUES:
        return _bins(np.array([np.nan if value is None else value for value in values], float))
    if numeric:
        known = sorted(known, key=float)
    place = {text: index for index, text in enumerate(known)}
    return tuple(known), np.array([-1 if text is None else place[text] for text in texts])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bins(values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Ranges of equally many values."""
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)))
    place = np.clip(np.digitize(values, edges[1:-1]), 0, len(edges) - 2)
    labels = tuple(f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges))
    return labels, np.where(np.isnan(values), -1, place)


def interaction(
    one: Effect, other: Effect, tried: Sequence[Tried], *, metric: str, maximize: bool
) -> np.ndarray:
    """Best of the objective for each pair of values, `(value of one, value of other)`, or NaN."""
    values = np.array([each.numbers[metric] for each in tried], float) * (1 if maximize else -1)
    table = np.full((len(one.labels), len(other.labels)), -np.inf)
    both = (one.place >= 0) & (other.place >= 0)
    np.maximum.at(table, (one.place[both], other.place[both]), values[both])
    table[np.isinf(table)] = np.nan
    return table * (1 if maximize else -1)
