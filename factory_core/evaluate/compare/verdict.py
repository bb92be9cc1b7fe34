"""Which of two versions is better, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from factory_core.evaluate.compare.differences import Difference
from factory_core.evaluate.metric import LEAST_SCENES
from factory_core.kernel.errors import ConfigError, nearest

Outcome = Literal["better", "worse", "no difference shown", "the same"]


@dataclass(frozen=True)
class Verdict:
    """What the comparison comes to.

    Attributes:
        outcome: Of the second version against the first, by the number that decides.
        headline: That in a few words.
        sentences: What it rests on, and what speaks for and against it.
        decided_by: Name of the number that decides.
    """

    outcome: Outcome
    headline: str
    sentences: tuple[str, ...]
    decided_by: str


def judge(
    found: Sequence[Difference],
    *,
    names: tuple[str, str],
    by: str | None,
    objects: pd.DataFrame,
) -> Verdict:
    """Say which version is better.

    Args:
        found: All differences.
        names: Of the two versions.
        by: Name of the number that decides; None is the first of the headline that is better or
            worse and that both versions have.
        objects: Of `objects.count_by_class`.

    Raises:
        ConfigError: There is no number `by` to decide.
    """
    headline = [d for d in found if d.headline and d.quantity.best is not None]
    deciding = _deciding(headline, by=by)
    changed = int(objects[["gained", "lost", "newly_false", "no_more_false"]].to_numpy().sum())
    same = not changed and not any(d.value for d in found)
    outcome = _outcome(deciding, same=same)
    return Verdict(
        outcome,
        _headline(outcome, deciding, names=names),
        tuple(_sentences(outcome, deciding, headline, names=names, objects=objects)),
        deciding.name,
    )


def _deciding(headline: Sequence[Difference], *, by: str | None) -> Difference:
    known = [d.name for d in headline]
    if by is not None and by not in known:
        raise ConfigError(
            f"No number {by!r} of all classes and scenes to decide by.{nearest(by, known)} "
            f"There are: {', '.join(known) or 'none'}."
        )
    if not headline:
        raise ConfigError(
            "`evaluate.metrics` of the second version names no metric that says better or worse. "
            "Choose one in the defaults list `metric`, and run `dvc repro`."
        )
    if by is not None:
        return headline[known.index(by)]
    return next((d for d in headline if d.value is not None), headline[0])


def _outcome(deciding: Difference, *, same: bool) -> Outcome:
    if same:
        return "the same"
    if deciding.better is None:
        return "no difference shown"
    return "better" if deciding.better else "worse"


def _headline(outcome: Outcome, deciding: Difference, *, names: tuple[str, str]) -> str:
    first, second = names
    scenes = f"{deciding.scenes} scene{'s' if deciding.scenes != 1 else ''}"
    if outcome == "the same":
        return f"{second} and {first} give the same."
    if outcome == "no difference shown":
        if deciding.scenes < LEAST_SCENES:
            return f"{scenes} are too few to tell {second} from {first}."
        return f"No difference between {second} and {first} that {scenes} can show."
    return f"{second} is {outcome} than {first}."


def _sentences(
    outcome: Outcome,
    deciding: Difference,
    headline: Sequence[Difference],
    *,
    names: tuple[str, str],
    objects: pd.DataFrame,
) -> list[str]:
    if outcome == "the same":
        return ["Every number is equal, and every object came out alike."]
    sentences = [_of_deciding(deciding)]
    if outcome == "no difference shown" and deciding.low is not None and deciding.high is not None:
        reach = deciding.text((deciding.high - deciding.low) / 2)
        sentences.append(f"With these scenes, what is smaller than about {reach} stays hidden.")
    for better, word in ((True, "Better"), (False, "Worse")):
        others = [
            f"{d.words} ({d.text(d.value, signed=True)})"
            for d in headline
            if d is not deciding and d.better is better
        ]
        if others:
            sentences.append(f"{word}, by intervals that exclude 0: {', '.join(others)}.")
    total = objects.sum(numeric_only=True)
    sentences.append(
        f"{names[1]} finds {total['gained']:,.0f} labelled objects that {names[0]} misses, and "
        f"misses {total['lost']:,.0f} that {names[0]} finds; {total['newly_false']:,.0f} of its "
        f"false detections are new, and {total['no_more_false']:,.0f} of those before are gone."
    )
    return sentences


def _of_deciding(deciding: Difference) -> str:
    if deciding.value is None:
        return f"{deciding.words} has no number to compare: {deciding.note}."
    moved = (
        f"{deciding.words} goes from {deciding.text(deciding.first)} to "
        f"{deciding.text(deciding.second)}"
    )
    if deciding.low is None:
        return f"{moved}, which may be chance ({deciding.note})."
    low, high = (deciding.text(value, signed=True) for value in (deciding.low, deciding.high))
    change = deciding.text(deciding.value, signed=True)
    return f"{moved}: {change}, with a 95 % interval from {low} to {high}."


def changed_parameters(
    first: Mapping[str, Any], second: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """Keys of the parameters that differ, with both values; `-` where a version has no such key."""
    one, two = dict(_flat(first)), dict(_flat(second))
    return [
        (key, one.get(key, "-"), two.get(key, "-"))
        for key in dict.fromkeys([*two, *one])
        if one.get(key) != two.get(key)
    ]


def _flat(node: Any, above: str = "") -> Any:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", str(value)
