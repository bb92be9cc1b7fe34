"""Found, missed and false, and the ratios that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from factory_core.evaluate.matching import NONE, Comparison


@dataclass(frozen=True)
class Counts:
    """Outcomes of a comparison at one overlap.

    Precision, recall and F1 as in van Rijsbergen, Information Retrieval (1979), chapter 7. A ratio
    without anything to divide by is None: precision without detections, recall without
    labels, F1 without either.

    Attributes:
        found: Labels that a detection matched (true positives).
        missed: Labels that none matched (false negatives).
        false: Detections that matched none (false positives).
    """

    found: int = 0
    missed: int = 0
    false: int = 0

    @property
    def labels(self) -> int:
        """Number of labels."""
        return self.found + self.missed

    @property
    def detections(self) -> int:
        """Number of detections."""
        return self.found + self.false

    @property
    def precision(self) -> float | None:
        """Share of the detections that are right."""
        return self.found / self.detections if self.detections else None

    @property
    def recall(self) -> float | None:
        """Share of the labels that were found."""
        return self.found / self.labels if self.labels else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        together = 2 * self.found + self.missed + self.false
        return 2 * self.found / together if together else None


def count(comparisons: Iterable[Comparison], *, label: str | None = None) -> Counts:
    """Outcomes over scenes, of the class `label` or of all classes together."""
    found = missed = false = 0
    for comparison in comparisons:
        is_found, is_false = comparison.found, comparison.label_of == NONE
        if label is not None:
            of_class = (comparison.scene.labels["label"] == label).to_numpy()
            is_found = is_found[of_class]
            is_false = is_false & (comparison.scene.detections["label"] == label).to_numpy()
        found += int(np.sum(is_found))
        missed += int(np.sum(~is_found))
        false += int(np.sum(is_false))
    return Counts(found, missed, false)
