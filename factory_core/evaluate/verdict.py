"""What the numbers of a split mean, in sentences, and what to mind when reading them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from factory_core.evaluate.metric import LEAST_SCENES, Quantity
from factory_core.evaluate.page import as_text

WIDE = 0.25
MOST_NAMES = 5
Numbers = Mapping[str, Mapping[str, Any]]


def describe(headline: Numbers, *, quantities: Mapping[str, Quantity]) -> list[str]:
    """What was found and what not, then how sure that is.

    Args:
        headline: Numbers of all classes and scenes by name, as `Measured.intervals`.
        quantities: What they say.
    """
    if {"labels", "detections", "found"} <= headline.keys():
        return [_of_objects(headline), *_sureness(headline)]
    for name, entry in headline.items():
        if quantities[name].best is not None and entry["value"] is not None:
            value = as_text(entry["value"], ratio=entry["samples"] is not None)
            return [f"{quantities[name].title} is {value}: {quantities[name].meaning}."]
    return ["Nothing was measured."]


def _of_objects(headline: Numbers) -> str:
    labels, said, found = (
        round(headline[name]["value"]) for name in ("labels", "detections", "found")
    )
    if not labels and not said:
        return "There are no labelled objects here, and it detected none."
    if not labels:
        return f"There are no labelled objects here; all of its {said:,} detections are false."
    if not said:
        return f"It detected nothing: all {labels:,} labelled objects are missed."
    return (
        f"It finds {found:,} of {labels:,} labelled objects ({found / labels:.0%}); of its "
        f"{said:,} detections {found:,} are right ({found / said:.0%}) and {said - found:,} false."
    )


def _sureness(headline: Numbers) -> Iterator[str]:
    ends = [
        f"{what} would lie between {entry['low']:.0%} and {entry['high']:.0%}"
        for name, what in (("recall", "the share found"), ("precision", "the share right"))
        if (entry := headline.get(name)) and entry["low"] is not None
    ]
    if ends:
        yield f"On other scenes of the same kind, {' and '.join(ends)}, 19 times out of 20."


def warn(intervals: Numbers, *, facts: Mapping[str, Any], split: str) -> list[str]:
    """What to mind when reading the report."""
    return list(_warnings(intervals, facts, split))


def _warnings(intervals: Numbers, facts: Mapping[str, Any], split: str) -> Iterator[str]:
    scenes = facts["scenes"]
    if scenes < LEAST_SCENES:
        yield (
            f"Only {scenes} scene{'s' if scenes != 1 else ''}: intervals over fewer than "
            f"{LEAST_SCENES} say nothing, so none is given, and other scenes may give quite "
            "other numbers."
        )
    f1 = intervals.get("f1")
    if f1 and f1["low"] is not None and f1["high"] - f1["low"] > WIDE:
        yield (
            f"The interval of F1 is wide, {f1['low']:.2f} to {f1['high']:.2f}: scenes differ much, "
            "or are few."
        )
    labels = {
        name.split("/")[1]: entry["value"]
        for name, entry in intervals.items()
        if name.startswith("by_class/") and name.endswith("/labels") and name.count("/") == 2
    }
    without = [name for name, count in labels.items() if not count]
    if without and len(without) < len(labels):
        yield f"No label at all of {_listed(without)}: how well they are found is not known."
    few = [
        name
        for name, count in labels.items()
        if count and (intervals.get(f"by_class/{name}/f1") or {"value": 0})["value"] is None
    ]
    if few:
        yield f"Too few labels for a number of {_listed(few)}."
    for key, what in (("labels_too_coarse", "label"), ("detections_too_coarse", "detection")):
        count = facts[key]
        if count:
            yield (
                f"{count:,} {what}{'s' if count != 1 else ''} left out: of a class above the level "
                "at which the detector is trained. They count at their own level."
            )
    if split == "val":
        yield (
            "These are scenes of val, on which models and running points are chosen: what a "
            "release is worth stands in the report of test."
        )


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more classes" if more > 0 else "")
