"""A training between two epochs, on disk, to go on after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        curves: Figures of each finished epoch.
        best_epoch: Epoch of the best weights, -1 before the first.
        best_quality: Quality on val of the best weights.
    """

    curves: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_quality: float = -1.0

    def save(self, folder: Path, *, variables: Sequence[Any]) -> None:
        """Write this and the values of `variables`, whole or not at all."""
        folder.mkdir(exist_ok=True)
        write_variables(folder / "state.npz", variables, note=json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path, *, variables: Sequence[Any]) -> Progress:
        """What was saved last, its values given to `variables`; a new one if there is none."""
        if not (folder / "state.npz").is_file():
            return cls()
        return cls(**json.loads(read_variables(folder / "state.npz", variables)))


def write_variables(path: Path, variables: Sequence[Any], *, note: str = "") -> None:
    """Write the values of Keras variables with a note, whole or not at all."""
    values = {f"{number}": variable.numpy() for number, variable in enumerate(variables)}
    work = path.with_suffix(".partial")
    with work.open("wb") as sink:
        np.savez(sink, note=np.array(note), **values)
    os.replace(work, path)


def read_variables(path: Path, variables: Sequence[Any]) -> str:
    """Give `variables` the values that `write_variables` wrote; returns the note."""
    with np.load(path) as values:
        for number, variable in enumerate(variables):
            variable.assign(values[f"{number}"])
        return str(values["note"])
