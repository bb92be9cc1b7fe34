"""Results kept as they come, so that a search that was killed goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from factory_core.kernel import io
from factory_core.running_points.points import Point

FILE = "kept.jsonl"
# Of a branch that another process has measured.
NUMBERS = ".numbers.json"
Numbers = Mapping[str, float | None]


class Kept:
    """Numbers of points by their chains, in a file that only grows.

    Args:
        folder: Where it lies.
        branches: Where other processes leave the numbers of theirs.
    """

    def __init__(self, folder: Path, *, branches: Path) -> None:
        self.file = folder / FILE
        self.numbers: dict[str, Numbers] = {}
        text = self.file.read_bytes() if self.file.is_file() else b""
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:  # a kill in the middle of a line
            os.truncate(self.file, len(whole))
        for line in whole.splitlines():
            row = json.loads(line)
            self.numbers[row["chain"]] = row["numbers"]
        for file in sorted(branches.glob(f"*{NUMBERS}")):
            written = io.read_json(file)
            for chain, numbers in zip(written["chains"], written["numbers"], strict=True):
                self.numbers[json.dumps(chain)] = numbers

    def add(self, rows: Iterable[tuple[Point, Numbers]]) -> None:
        """Keep the numbers of some points, on the disk when this returns."""
        known = {point.key: numbers for point, numbers in rows}
        lines = [json.dumps({"chain": key, "numbers": known[key]}) for key in known]
        with self.file.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        self.numbers |= known
