"""The table of metrics in the README of a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factory_core.kernel import io
from factory_core.kernel.errors import OutputError

BEGIN, END = "<!-- metrics:begin -->", "<!-- metrics:end -->"
COLUMNS = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "ap50": "AP50",
    "ap50_95": "AP50:95",
    "pixel_iou": "pixel IoU",
    "relaxed_f1": "relaxed F1",
    "apls": "APLS",
    "labels": "labels",
    "detections": "detections",
}


def check_readme(readme: Path) -> None:
    """Refuse a README that has no place for the table.

    Raises:
        OutputError: It is missing, or lacks the two markers, once each and in order.
    """
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    if not (text.count(BEGIN) == text.count(END) == 1 and text.index(BEGIN) < text.index(END)):
        raise OutputError(
            f"{readme} has no place for the table of metrics. Put these two lines where it shall "
            f"stand, once each and in this order: `{BEGIN}` and `{END}`."
        )


def write_readme(readme: Path, *, metrics: dict[str, Any], split: str) -> None:
    """Replace what stands between the two markers of `readme`, and nothing else."""
    check_readme(readme)
    with readme.open(encoding="utf-8", newline="") as source:
        text = source.read()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    with io.staged_file(readme) as work:
        work.write_text(
            f"{before}{BEGIN}\n{table(metrics, split=split)}\n{END}{after}",
            encoding="utf-8",
            newline="",
        )


def table(metrics: dict[str, Any], *, split: str) -> str:
    """The headline and each class as a Markdown table, with how it was measured."""
    columns = {key: title for key, title in COLUMNS.items() if key in metrics}
    rows = {"**all**": metrics, **metrics["by_class"]}
    if len(rows) == 2:
        rows = metrics["by_class"]
    lines = [
        f"| class | {' | '.join(columns.values())} |",
        f"| --- | {' | '.join('---:' for _ in columns)} |",
        *(
            f"| {name} | {' | '.join(_cell(row.get(key)) for key in columns)} |"
            for name, row in rows.items()
        ),
    ]
    scenes = "1 scene" if metrics["scenes"] == 1 else f"{metrics['scenes']} scenes"
    return "\n".join(
        [
            *lines,
            "",
            f"Measured on the split `{split}`: {scenes}, {metrics['area_km2']:.3g} km². A "
            f"detection is right when its {metrics['match']} overlaps a label of its class by an "
            f"IoU of at least {metrics['iou']:g}. AP is that of COCO, without its limit of 100 "
            "detections.",
        ]
    )


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3f}"
