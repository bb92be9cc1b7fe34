"""Detections -> detections: the parent class where the class itself is in doubt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.limits import check_within
from factory_core.kernel.overlaps import Overlap, find_objects
from factory_core.kernel.taxonomy import MAX_LEVELS, Taxonomy
from factory_core.postprocess.kinds import Polygons


@dataclass(frozen=True)
class BackOff:
    """Name an object as finely as its scores allow: fighter, else military, else aircraft.

    After Deng et al., Hedging Your Bets (CVPR 2012,
    https://doi.org/10.1109/CVPR.2012.6248086): the classes of an object exclude each other, so the
    score of an inner class is the sum of its children's. Detections of one root class that lie on
    each other are one object. Its best score of each class goes up the tree by sums, at most 1; the
    object keeps the place of its best detection and takes the deepest class on that one's path
    whose score is at least `min_score`, or else the root, with the score of that class.

    Attributes:
        min_score: Score from which on a class is believed, in [0, 1].
        max_iou: Largest intersection over union of two detections that are two objects.
        taxonomy: The class tree; `${taxonomy}`.
    """

    min_score: float
    max_iou: float
    taxonomy: Taxonomy

    def __post_init__(self) -> None:
        check_within(0, 1, min_score=self.min_score, max_iou=self.max_iou)

    def __call__(self, detections: Polygons) -> Polygons:
        """One detection an object, in the order of the best ones.

        Raises:
            TaxonomyError: A label is not in the tree.
        """
        names = self.taxonomy.all_names()
        line_of = {name: self._line(name, names) for name in names}
        labels = [self.taxonomy.path(label)[-1] for label in detections["label"]]
        lines = np.array([line_of[label] for label in labels], int).reshape(-1, MAX_LEVELS)
        own = np.array([names.index(label) for label in labels], int)
        owner = find_objects(
            detections.assign(label=lines[:, 0]),
            overlap=Overlap("geometry"),
            above=self.max_iou,
            per_class=True,
        )
        kept = np.unique(owner)
        sums = np.zeros((len(kept), len(names)))
        np.maximum.at(
            sums, (np.searchsorted(kept, owner), own), detections["score"].to_numpy(float)
        )
        # Names are listed root classes first, so backwards children come before their parents.
        for name in reversed(names):
            if len(path := self.taxonomy.path(name)) > 1:
                sums[:, names.index(path[-2])] += sums[:, names.index(name)]
        every, found = np.arange(len(kept)), lines[kept, 0]
        for deeper in lines[kept, 1:].T:
            found = np.where((deeper >= 0) & (sums[every, deeper] >= self.min_score), deeper, found)
        return detections.iloc[kept].assign(
            score=np.minimum(sums[every, found], 1), label=np.array(names, object)[found]
        )

    def _line(self, name: str, names: tuple[str, ...]) -> list[int]:
        """Numbers of the classes from the root down to `name`, then -1."""
        line = [names.index(step) for step in self.taxonomy.path(name)]
        return line + [-1] * (MAX_LEVELS - len(line))
