"""Average precision of ranked detections, for many draws of the scenes at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from factory_core.evaluate.metric import ratio
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results

IOUS = tuple(np.linspace(0.5, 0.95, 10).tolist())
RECALLS = np.linspace(0, 1, 101)
# Values worked on at a time, draws by detections by overlaps: what stays in the cache.
MOST_VALUES = 200_000


@dataclass(frozen=True)
class Ranking:
    """Detections of one class from the highest score to the lowest.

    Attributes:
        scene: `(detection,)` place of its scene.
        right: `(overlap, detection)` whether it is right.
        labels: `(overlap, scene)` labels to be found; one row where all overlaps have the same.
        counts: `(overlap, detection)` whether it counts; None: all do.
        every_step: Take the whole area under the curve, and not its mean at 101 recalls.
    """

    scene: np.ndarray
    right: np.ndarray
    labels: np.ndarray
    counts: np.ndarray | None = None
    every_step: bool = False

    def __call__(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Average precision and recall of each draw.

        hotcoco computes the same for one draw, and tests hold this to it; it takes no weights.

        Args:
            weights: `(draw, scene)` how often each scene counts.

        Returns:
            Two arrays `(draw, overlap)`, NaN without labels: the mean of the precision
            interpolated at 101 recalls, and the recall of all detections of a scene.

        Source: Lin et al., Microsoft COCO (2014), and https://cocodataset.org/#detection-eval;
        `COCOeval.accumulate` of pycocotools.
        """
        ranked = self._of_scenes(weights.sum(axis=0) > 0)
        rows = max(1, MOST_VALUES // max(1, ranked.right.size))
        blocks = [
            ranked._draw(weights[start : start + rows]) for start in range(0, len(weights), rows)
        ]
        return (
            np.concatenate([average for average, _ in blocks]),
            np.concatenate([recall for _, recall in blocks]),
        )

    def _of_scenes(self, drawn: np.ndarray) -> Ranking:
        """Without the detections of scenes that no draw holds: slices hold few."""
        here = drawn[self.scene]
        if here.all():
            return self
        counts = self.counts if self.counts is None else self.counts[:, here]
        return replace(self, scene=self.scene[here], right=self.right[:, here], counts=counts)

    def _draw(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = np.broadcast_to(
            weights @ self.labels.T.astype(float), (len(weights), len(self.right))
        )
        drawn = weights[:, self.scene]
        # The curve is met only where recall grows, which is where one is right at some overlap.
        steps = np.flatnonzero(self.right.any(axis=0))
        right = np.cumsum(drawn[:, None, steps] * self.right[:, steps], axis=-1)
        if self.counts is None:
            before = np.cumsum(drawn, axis=-1)[:, None, steps]
        else:
            before = np.cumsum(drawn[:, None] * self.counts, axis=-1)[..., steps]
        # Weights are whole: what is not nought is at least 1.
        precision = right / np.maximum(before, 1)
        best = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
        recall = right / np.maximum(labels, 1)[..., None]
        reached = recall if self.every_step else _recalls_up_to(recall) / len(RECALLS)
        average = np.einsum("...k,...k", best, np.diff(reached, axis=-1, prepend=0))
        average[labels == 0] = np.nan
        last = right[..., -1] if len(steps) else np.zeros(labels.shape)
        return average, ratio(last, labels)


def _recalls_up_to(recall: np.ndarray) -> np.ndarray:
    """How many of `RECALLS` are no larger: `searchsorted` from the right, by arithmetic."""
    place = (recall * (len(RECALLS) - 1)).astype(np.intp)
    above = np.append(RECALLS[1:], np.inf)
    return place + 1 + (above[place] <= recall) - (RECALLS[place] > recall)


def rankings(
    results: Results,
    level: int,
    *,
    right: np.ndarray,
    counts: np.ndarray | None = None,
    labelled: np.ndarray | None = None,
    said: np.ndarray | None = None,
) -> Iterator[Ranking]:
    """One ranking a class of `level`, in the order of the taxonomy.

    Args:
        results: Detections and labels.
        level: Of the taxonomy.
        right: `(overlap, detection)` whether it is right.
        counts: `(overlap, detection)` whether it counts; None: all do.
        labelled: `(label,)` whether it is to be found; None: all are.
        said: `(detection,)` class of each, -1 leaves it out; None: as detected.
    """
    labels, detections = results.labels, results.detections
    true = results.label_kind(level)
    if labelled is not None:
        true = np.where(labelled, true, NONE)
    said = results.detection_kind(level) if said is None else said
    order = detections.ranks[np.argsort(said[detections.ranks], kind="stable")]
    names = results.taxonomy.names_at(level)
    edges = np.searchsorted(said[order], np.arange(len(names) + 1))
    scenes = len(results.scenes)
    for kind in range(len(names)):
        rows = order[edges[kind] : edges[kind + 1]]
        yield Ranking(
            scene=detections.scene[rows],
            right=right[:, rows],
            labels=np.bincount(labels.scene[true == kind], minlength=scenes)[None],
            counts=None if counts is None else counts[:, rows],
        )
