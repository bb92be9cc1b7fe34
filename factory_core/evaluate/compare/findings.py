"""All that a comparison of two versions comes to, for the terminal, for JSON and for HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from rich.table import Table

from factory_core.evaluate.compare.differences import Difference, split_by_change
from factory_core.evaluate.compare.verdict import Verdict

# Rows of the terminal beside those of all classes and scenes.
MOST_ROWS = 20
MOST_NAMES = 8
# What the columns of `objects.count_by_class` are called beside the names of the versions.
COUNTS = {
    "labels": "labels",
    "both": "both",
    "lost": "1st only",
    "gained": "2nd only",
    "neither": "neither",
    "false_both": "false: both",
    "no_more_false": "false: 1st only",
    "newly_false": "false: 2nd only",
}


@dataclass(frozen=True)
class Findings:
    """Two versions on the same scenes.

    Attributes:
        detector: Name of the detector.
        names: Of the versions.
        split: `val` or `test`.
        scenes: Those in common.
        left_out: Those that are not compared, and why.
        area_km2: Ground in common, and of the split of each version.
        verdict: Which is better.
        differences: The most important first.
        objects: Of `objects.count_by_class`.
        parameters: Key and both values of what was changed.
        iou: Least overlap of a detection that is right.
        draws: Of scenes, for the intervals.
        warnings: What to mind.
    """

    detector: str
    names: tuple[str, str]
    split: str
    scenes: Sequence[str]
    left_out: Mapping[str, str]
    area_km2: tuple[float, float, float]
    verdict: Verdict
    differences: Sequence[Difference]
    objects: pd.DataFrame
    parameters: Sequence[tuple[str, str, str]]
    iou: float
    draws: int
    warnings: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "detector": self.detector,
            "first": self.names[0],
            "second": self.names[1],
            "split": self.split,
            "verdict": asdict(self.verdict),
            "warnings": list(self.warnings),
            "scenes": list(self.scenes),
            "left_out": dict(self.left_out),
            "area_km2": dict(zip(("common", "first", "second"), self.area_km2, strict=True)),
            "differences": [difference.as_dict() for difference in self.differences],
            "objects": self.objects.to_dict("records"),
            "parameters": [
                {"key": key, "first": one, "second": two} for key, one, two in self.parameters
            ],
        }


def told(found: Findings) -> Iterator[str | Table]:
    """The comparison for the terminal: the verdict, numbers, objects and what to mind."""
    yield f"[bold]{_plain(found.verdict.headline)}[/bold]"
    yield from map(_plain, found.verdict.sentences)
    yield from (f"[yellow]Mind:[/yellow] {_plain(warning)}" for warning in found.warnings)
    headline = [d for d in found.differences if d.headline]
    moved, equal, missing = split_by_change(headline, first=found.verdict.decided_by)
    # Slices of the same scenes, by several contexts, say the same: once is enough here.
    once: dict[object, Difference] = {}
    for d in found.differences:
        if not d.headline and d.value and d.quantity.best is not None:
            once.setdefault(d.fact, d)
    parts = list(once.values())
    yield _numbers([*moved, *parts[:MOST_ROWS]], names=found.names)
    if equal:
        yield _plain(told_equal(equal))
    if missing:
        yield _plain(told_missing(missing))
    hidden = len(found.differences) - len(headline) - len(parts[:MOST_ROWS])
    if hidden:
        yield f"{hidden} more in `--json` and `--out`."
    yield _objects(found.objects, names=found.names)
    for key, one, two in found.parameters[:MOST_NAMES]:
        yield _plain(f"changed: {key}: {one} -> {two}")


def told_equal(equal: Sequence[Difference]) -> str:
    """How many numbers are the same in both, and each with its value."""
    count = "1 number is" if len(equal) == 1 else f"{len(equal):,} numbers are"
    return f"{count} equal: {'; '.join(f'{d.words} {d.text(d.first)}' for d in equal)}."


def told_missing(missing: Sequence[Difference]) -> str:
    """What has no number in one of the versions, by the reason."""
    reasons = dict.fromkeys(d.note for d in missing)
    named = {note: [d.words for d in missing if d.note == note] for note in reasons}
    told = "; ".join(f"{note}: {', '.join(words)}" for note, words in named.items())
    return f"Not to be compared, {told}."


def _numbers(shown: Sequence[Difference], *, names: tuple[str, str]) -> Table:
    """Numbers of both, and what is known of their difference; no column that would be empty."""
    table = Table(title="Numbers, the surest difference first", title_justify="left")
    table.add_column("", overflow="fold")
    for name in (*names, "difference"):
        table.add_column(_plain(name), justify="right", overflow="fold")
    sure = any(d.low is not None for d in shown)
    if sure:
        table.add_column("95 % interval", justify="right", no_wrap=True)
        table.add_column(_plain(f"{names[1]} is"), overflow="fold")
    for d in shown:
        texts = [d.text(d.first), d.text(d.second), d.text(d.value, signed=True)]
        table.add_row(_plain(d.words), *texts, *(_sureness(d) if sure else ()))
    return table


def _sureness(d: Difference) -> tuple[str, str]:
    """The interval of a difference, and what that says of the second version."""
    if d.low is None:
        return "", ""
    said = "differs" if d.real else ""
    if d.better is not None:
        said = "[green]better[/green]" if d.better else "[red]worse[/red]"
    return f"{d.text(d.low, signed=True)} to {d.text(d.high, signed=True)}", said


def _objects(counts: pd.DataFrame, *, names: tuple[str, str]) -> Table:
    title = f"What {names[0]} (1st) and {names[1]} (2nd) find"
    table = Table(title=_plain(title), title_justify="left")
    table.add_column("class", overflow="fold")
    for name, said in COUNTS.items():
        most = 8 if name.endswith(("_both", "_false")) else None
        table.add_column(said, justify="right", max_width=most)
    for label, row in counts.head(MOST_ROWS).set_index("label").iterrows():
        table.add_row(_plain(str(label)), *(f"{row[name]:,}" for name in COUNTS))
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
