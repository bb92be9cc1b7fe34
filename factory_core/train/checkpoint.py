"""A training on disk, between two epochs or within one, to go on after a kill."""

from __future__ import annotations

import json
import math
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
        losses: Number and loss of the windows that the sampler asked for, for the epoch that runs.
    """

    curves: list[dict[str, float]] = field(default_factory=list)
    batches: int = 0
    loss: float = 0.0
    averaged: int = 0
    losses: list[tuple[int, float]] = field(default_factory=list)

    def stalled(self) -> int:
        """Finished epochs since the quality or the loss on val was last the best so far."""
        if not self.curves:
            return 0
        qualities = [figures["val/quality"] for figures in self.curves]
        losses = [figures["val/loss"] for figures in self.curves]
        last = max(qualities.index(max(qualities)), losses.index(min(losses)))
        return len(self.curves) - 1 - last

    def as_good_as_best(self, samples: float, *, since: int) -> bool:
        """Whether the last finished epoch is not surely worse than the best since another one.

        Surely is by more than one standard error, as of a share of `samples` (the rule of
        Breiman et al. 1984, Classification and Regression Trees, 3.4.3). Val is small: which of
        near equals is highest there is luck, and later ones have learnt at a lower rate.

        Args:
            samples: What the quality is measured on: boxes labelled on val, or windows of masks.
            since: Number of the first epoch that counts.
        """
        qualities = [figures["val/quality"] for figures in self.curves[since:]]
        best = max(qualities)
        error = math.sqrt(best * (1 - best) / max(samples, 1))
        return qualities[-1] >= best - error

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
