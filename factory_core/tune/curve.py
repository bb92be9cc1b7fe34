"""Read the curve of a training that still runs."""

from __future__ import annotations

import csv
from pathlib import Path

from factory_core.kernel.io.outputs import PARTIAL


def read_curve(curve: Path, *, root: Path, since_ns: int) -> dict[int, float]:
    """Value of each step in a table of DVCLive, as far as it is written.

    Args:
        curve: The finished table, relative to `root`. While its stage runs it lies in a folder
            beside its own; what lies in its own is of another run, as DVC brought it there.
        root: Where the stage runs.
        since_ns: Tables that were not written since belong to an earlier run.
    """
    places: list[Path] = []
    for depth, part in enumerate(curve.parts[:-1]):
        parent = root.joinpath(*curve.parts[:depth])
        rest = "/".join(curve.parts[depth + 1 :])
        places += parent.glob(f".{part}.*{PARTIAL}/{rest}")
    fresh = [file for file in places if file.is_file() and file.stat().st_mtime_ns >= since_ns]
    values: dict[int, float] = {}
    for file in fresh:
        text = file.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        for row in csv.DictReader(whole.splitlines(), delimiter="\t"):
            values[int(row["step"])] = float(row[curve.stem])
    return values
