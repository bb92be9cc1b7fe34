"""A training on disk, between two epochs or within one, to go on after a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        curves: Figures of each finished epoch.
        batches: Finished batches of the epoch that runs.
        loss: Sum of their losses.
        averaged: Step at which the average last looked at the weights.
        kept: Epoch of the weights that are kept of each cycle of the schedule.
        losses: Number and loss of the windows that the sampler asked for, for the epoch that runs.
    """

    curves: list[dict[str, float]] = field(default_factory=list)
    batches: int = 0
    loss: float = 0.0
    averaged: int = 0
    kept: list[int] = field(default_factory=list)
    losses: list[tuple[int, float]] = field(default_factory=list)

    def rank(self, epoch: int) -> tuple[float, float]:
        """By what the weights of a finished epoch are compared: quality on val, then its loss."""
        figures = self.curves[epoch]
        return figures["val/quality"], -figures["val/loss"]

    def stalled(self) -> int:
        """Finished epochs since the quality or the loss on val was last the best so far."""
        epochs = range(len(self.curves))
        if not epochs:
            return 0
        best = max(epochs, key=self.rank)
        lowest = min(epochs, key=lambda epoch: self.curves[epoch]["val/loss"])
        return len(epochs) - 1 - max(best, lowest)

    def save(self, folder: Path, *, values: Sequence[np.ndarray]) -> None:
        """Write this and `values`, whole or not at all."""
        write_values(folder / "state.npz", values, note=json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> tuple[Progress, list[np.ndarray]]:
        """What was saved last, or a new one without values if there is none."""
        if not (folder / "state.npz").is_file():
            return cls(), []
        values, note = read_values(folder / "state.npz")
        return cls(**json.loads(note)), values


def write_values(path: Path, values: Sequence[np.ndarray], *, note: str = "") -> None:
    """Write arrays in their order with a note, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    work = path.with_suffix(".partial")
    with work.open("wb") as sink:
        np.savez(sink, *values, note=np.array(note))
    os.replace(work, path)


def read_values(path: Path) -> tuple[list[np.ndarray], str]:
    """The arrays and the note that `write_values` wrote."""
    with np.load(path) as content:
        values = [content[f"arr_{number}"] for number in range(len(content.files) - 1)]
        return values, str(content["note"])
