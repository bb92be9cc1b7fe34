"""Training curves, from the tables that DVCLive writes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from factory_core.kernel.errors import OutputError


@dataclass(frozen=True)
class Curve:
    """One value over the epochs of one training.

    Attributes:
        metric: What it is, `loss` say.
        name: Which of it, `train, member 0` say.
        steps: Epochs, as logged.
        values: One an epoch; not a number where training gave none.
    """

    metric: str
    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]


def read_curves(folder: Path) -> list[Curve]:
    """Read `<member>/plots/metrics/**/<metric>.tsv` of every member of the ensemble.

    Raises:
        OutputError: A table is damaged.
    """
    members = sorted(path for path in folder.iterdir() if path.is_dir())
    return [
        _read(file, member=member.name if len(members) > 1 else "", root=member / "plots/metrics")
        for member in members
        for file in sorted((member / "plots/metrics").rglob("*.tsv"))
    ]


def _read(file: Path, *, member: str, root: Path) -> Curve:
    kind = file.parent.relative_to(root).as_posix().strip(".")
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        steps = tuple(float(row["step"]) for row in rows)
        values = tuple(float(row[file.stem]) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"{file} is not a table of DVCLive with the columns `step` and `{file.stem}`. "
            "Run `train` again."
        ) from error
    name = ", ".join(filter(None, [kind, f"member {member}" if member else ""]))
    return Curve(metric=file.stem, name=name or file.stem, steps=steps, values=values)
