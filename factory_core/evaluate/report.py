"""The report of a split: one HTML file that needs nothing beside itself, the verdict first."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from factory_core.evaluate.metric import Quantity
from factory_core.evaluate.page import as_text, render
from factory_core.evaluate.verdict import describe, warn
from factory_core.evaluate.words import chosen, context_words, part_words

JPEG_QUALITY = 86
SCREEN_DPI = 96
MOST_CARDS = 6
# Rows of metrics that a reader takes in at once; of more, all groups but the first are folded.
MOST_OPEN = 12
AT_A_GLANCE = 2
BAR = ("found", "missed", "false")
CONTEXT = "by_context"
LEADS = {
    "by_class": "Those with the most labels first.",
    "by_context": "The same scenes, cut by what they show: where no unit stands, 0 is nothing or "
    "least of it and 1 all or most. A cut with too few labels gives counts but no ratio; one "
    "without a scene is left out.",
    "by_level": "Of the taxonomy, all classes together: above the level of training.",
}


@dataclass(frozen=True)
class Picture:
    """An image of the report.

    Attributes:
        title: What it shows.
        image: Address of its bytes, `data:...`.
        width_px: Width at which its letters are as large as the text of the page.
    """

    title: str
    image: str
    width_px: int


@dataclass(frozen=True)
class Shown:
    """A number as the page shows it; empty texts where there is none."""

    title: str
    meaning: str
    text: str
    low: str | None
    high: str | None
    note: str


@dataclass(frozen=True)
class Group:
    """Numbers of all classes and scenes that belong together.

    Attributes:
        title: Of the group.
        numbers: Its rows.
        glance: What its fold says before it is opened.
    """

    title: str
    numbers: Sequence[Shown]
    glance: str


@dataclass(frozen=True)
class Row:
    """A row of a table: `of` explains its name, `begins` sets it apart from the row above."""

    name: str
    of: str
    begins: bool
    numbers: Sequence[Shown | None]


@dataclass(frozen=True)
class Table:
    """The numbers of a kind of part, `By class` for one: a row a part, a column a metric.

    Attributes:
        title: Above it.
        what: Above its first column.
        lead: Sentences before it.
        columns: Names of the metrics.
        rows: In order.
    """

    title: str
    what: str
    lead: str
    columns: Sequence[str]
    rows: Sequence[Row]


def render_report(
    *,
    detector: str,
    split: str,
    facts: Mapping[str, Any],
    intervals: Mapping[str, Mapping[str, Any]],
    quantities: Mapping[str, Quantity],
    groups: Mapping[str, str],
    ranges: Mapping[str, Mapping[str, str]],
    charts: Mapping[str, bytes | None],
    places: Sequence[Picture],
    scenes: Sequence[Picture],
) -> str:
    """The report as HTML; equal inputs give equal bytes.

    Args:
        detector: Name of the detector.
        split: `val` or `test`.
        facts: `scenes`, `area_km2`, `match`, `iou`, `labels_too_coarse`, `detections_too_coarse`,
            and of lines `within_m`, how far a right one may lie from its label.
        intervals: Every number by name, as `Measured.intervals`.
        quantities: What the numbers say, by the last step of their names.
        groups: Title of the group of each number of all classes and scenes.
        ranges: For each context, name of a slice -> the values in it.
        charts: PNG of `precision_recall`, `confusion` and `training`; None where there is none.
        places: Pictures of the worst places.
        scenes: Pictures of whole scenes, the worst first.
    """
    headline = {name: entry for name, entry in intervals.items() if "/" not in name}
    shown = {name: _shown(name, entry, quantities) for name, entry in headline.items()}
    cards = [one for name, one in shown.items() if headline[name]["samples"] is not None]
    counts = {kind: round(headline[kind]["value"]) for kind in BAR if kind in headline}
    return render(
        "report.html.jinja",
        detector=detector,
        split=split,
        facts=facts,
        within_m=facts.get("within_m"),
        verdict=describe(headline, quantities=quantities),
        warnings=warn(intervals, facts=facts, split=split),
        cards=cards[:MOST_CARDS],
        bar=counts if len(counts) == len(BAR) and any(counts.values()) else {},
        groups=_group(shown, groups),
        most_open=MOST_OPEN,
        tables=list(_tables(intervals, quantities=quantities, ranges=ranges)),
        charts={
            name: _chart(chart, title=name) if chart else None for name, chart in charts.items()
        },
        places=places,
        scenes=scenes,
    )


def _shown(name: str, entry: Mapping[str, Any], quantities: Mapping[str, Quantity]) -> Shown:
    quantity = quantities[name.rpartition("/")[2]]
    ratio = entry["samples"] is not None
    low, high = (
        None if entry[end] is None else as_text(entry[end], ratio=ratio) for end in ("low", "high")
    )
    text = as_text(entry["value"], ratio=ratio)
    return Shown(quantity.title, quantity.meaning, text, low, high, entry.get("note", ""))


def _group(shown: Mapping[str, Shown], groups: Mapping[str, str]) -> list[Group]:
    """The numbers by group, in the order in which the metrics were chosen."""
    by_title: dict[str, list[Shown]] = {}
    for name, number in shown.items():
        by_title.setdefault(groups[name], []).append(number)
    return [Group(title, numbers, _glance(numbers)) for title, numbers in by_title.items()]


def _glance(numbers: Sequence[Shown]) -> str:
    """The first numbers of a group, and how many more there are."""
    known = [f"{one.title} {one.text}" for one in numbers if one.text][:AT_A_GLANCE]
    more = len(numbers) - len(known)
    return ", ".join([*known, f"{more} more" if known else "no number"] if more else known)


def _tables(
    intervals: Mapping[str, Mapping[str, Any]],
    *,
    quantities: Mapping[str, Quantity],
    ranges: Mapping[str, Mapping[str, str]],
) -> Iterator[Table]:
    """One table a kind of part: names are paths, kind / part / metric."""
    kinds: dict[str, dict[tuple[str, ...], dict[str, Mapping[str, Any]]]] = {}
    for name, entry in intervals.items():
        kind, *part, metric = name.split("/") if "/" in name else ("", name)
        if kind:
            kinds.setdefault(kind, {}).setdefault(tuple(part), {})[metric] = entry
    for kind, parts in kinds.items():
        if kind == "by_class":
            parts = dict(sorted(parts.items(), key=lambda part: -_labels(part[1])))
        lead = LEADS.get(kind, "")
        if kind == CONTEXT:
            alike = _alike(parts, intervals)
            parts = {part: numbers for part, numbers in parts.items() if part[0] not in alike}
            lead += _left_out(alike, ranges)
        names = dict.fromkeys(metric for part in parts.values() for metric in part)
        # Columns in which no part has a number say nothing.
        told = [
            n for n in names if any(p[n]["value"] is not None for p in parts.values() if n in p)
        ]
        columns = chosen(told)
        if len(columns) < len(told):
            lead = f"{lead} More numbers of each row stand in intervals.json.".lstrip()
        what = part_words(kind)
        yield Table(
            title=f"By {what}",
            what=what,
            lead=lead,
            columns=[quantities[name].title for name in columns],
            rows=list(_rows(kind, parts, columns, quantities=quantities, ranges=ranges)),
        )


def _alike(
    parts: Mapping[tuple[str, ...], Mapping[str, Mapping[str, Any]]],
    intervals: Mapping[str, Mapping[str, Any]],
) -> dict[str, str]:
    """Contexts of which one cut holds all that counts, and that cut: its row is the total."""
    cuts = Counter(context for context, _ in parts)
    return {
        context: cut
        for (context, cut), numbers in parts.items()
        if cuts[context] == 1
        and all(entry["value"] == intervals[name]["value"] for name, entry in numbers.items())
    }


def _left_out(alike: Mapping[str, str], ranges: Mapping[str, Mapping[str, str]]) -> str:
    if not alike:
        return ""
    named = (
        f"{context_words(context)} ({cut}, {ranges[context][cut]})"
        for context, cut in alike.items()
    )
    return (
        " Left out, as all scenes fall into one cut and its row would repeat the total: "
        f"{'; '.join(named)}."
    )


def _labels(part: Mapping[str, Mapping[str, Any]]) -> float:
    return float((part.get("labels") or {}).get("value") or 0)


def _rows(
    kind: str,
    parts: Mapping[tuple[str, ...], Mapping[str, Mapping[str, Any]]],
    columns: Sequence[str],
    *,
    quantities: Mapping[str, Quantity],
    ranges: Mapping[str, Mapping[str, str]],
) -> Iterator[Row]:
    above = ""
    for path, part in parts.items():
        of = ranges[path[0]][path[1]] if kind == CONTEXT else ""
        if kind == CONTEXT:
            name = f"{context_words(path[0])}: {path[1]}"
        else:
            name = " ".join(path) if kind == "by_class" else " ".join(path).replace("_", " ")
        begins = len(path) > 1 and path[0] != above
        above = path[0]
        numbers = [
            _shown(column, part[column], quantities) if column in part else None
            for column in columns
        ]
        yield Row(name, of, begins, numbers)


def _chart(png: bytes, *, title: str) -> Picture:
    with Image.open(BytesIO(png)) as image:
        width_px = round(image.width * SCREEN_DPI / image.info["dpi"][0])
    return Picture(title, f"data:image/png;base64,{b64encode(png).decode()}", width_px)


def photo(path: Path, *, title: str) -> Picture:
    """A picture to stand in the HTML itself, as JPEG: a fifth of its PNG."""
    file = BytesIO()
    with Image.open(path) as image:
        image.save(file, format="JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
        width_px = image.width
    return Picture(title, f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}", width_px)
