"""The metrics of detection for small and for large objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.average_precision import AP, Ranked
from factory_core.evaluate.detection.matches import Matches, all_ratios, count_in
from factory_core.evaluate.detection.ranking import IOUS, Ranking, rankings
from factory_core.evaluate.matching import match_greedily
from factory_core.evaluate.metric import Metric, Sums, Tally, Together
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results, same_kind
from factory_core.kernel.limits import check_at_least


@dataclass(frozen=True)
class BySize(Metric):
    """Average precision, precision, recall and F1 of the objects of each range of sizes.

    COCO's rule: labels of another size are not to be found, and a detection that matches one of
    them, or matches none and is itself of another size, is neither right nor wrong. A size
    at an edge belongs to both ranges. The mean over classes of average precision; counts pool them.

    Args:
        edges_m2: Where one range ends and the next begins, in square metres on the ground.
        edges_px: The same in pixels of the scene; COCO's are 32 x 32 and 96 x 96.

    Source: `COCOeval` of pycocotools, parameter `areaRng`.
    """

    edges_m2: tuple[float, ...] = (10.0, 100.0, 1000.0)
    edges_px: tuple[float, ...] = (1024.0, 9216.0)

    sliced: ClassVar = False
    gives: ClassVar = {**AP, **Matches.gives}

    def __post_init__(self) -> None:
        """Refuse edges that do not rise."""
        for name, edges in (("edges_m2", self.edges_m2), ("edges_px", self.edges_px)):
            if edges:
                check_at_least(0, **{name: edges})
            if list(edges) != sorted(set(edges)):
                raise ValueError(f"`{name}` must rise. Received: {list(edges)}.")

    def __call__(self, results: Results) -> Tally:
        """Match once for each range, its labels before all others."""
        level = results.taxonomy.level
        pairs = same_kind(results, level)
        groups: dict[str, dict[str, Ranking]] = {}
        sums = [np.zeros((len(results.scenes), 0))]
        for name, labels, detections in self._ranges(results):
            label_of = match_greedily(
                pairs,
                ious=(*IOUS, results.iou),
                detections=len(results.detections),
                last=~labels[pairs.label],
            )
            right = (label_of != NONE) & np.append(labels, False)[label_of]
            counts = right | ((label_of == NONE) & detections)
            ranked = rankings(results, level, right=right[:-1], counts=counts[:-1], labelled=labels)
            groups[f"{name}/"] = dict(zip(results.taxonomy.names, ranked, strict=True))
            found = np.zeros(len(labels), bool)
            found[label_of[-1][right[-1]]] = True
            sums.append(_outcomes(results, found, labels & ~found, counts[-1] & ~right[-1]))
        return Together(
            (
                Ranked(groups),
                Sums(np.concatenate(sums, axis=1), partial(all_ratios, prefixes=tuple(groups))),
            )
        )

    def _ranges(self, results: Results) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Each range with the labels and the detections in it, as masks."""
        for unit, edges in (("m2", self.edges_m2), ("px", self.edges_px)):
            if not edges:
                continue
            sizes = [getattr(side, f"area_{unit}") for side in (results.labels, results.detections)]
            limits = [0.0, *edges, np.inf]
            for low, high in pairwise(limits):
                labels, detections = ((low <= size) & (size <= high) for size in sizes)
                yield f"by_size_{unit}/{_name(low, high)}", labels, detections


def _name(low: float, high: float) -> str:
    if not low:
        return f"below_{high:g}"
    return f"from_{low:g}" if high == np.inf else f"{low:g}_to_{high:g}"


def _outcomes(
    results: Results, found: np.ndarray, missed: np.ndarray, false: np.ndarray
) -> np.ndarray:
    """`(scene, 3)` of all classes."""
    level, shape = results.taxonomy.level, (len(results.scenes), len(results.taxonomy.names))
    true, said = results.label_kind(level), results.detection_kind(level)
    labels, detections = results.labels.scene, results.detections.scene
    return np.stack(
        [
            count_in(labels, true, where=found, shape=shape).sum(axis=1),
            count_in(labels, true, where=missed, shape=shape).sum(axis=1),
            count_in(detections, said, where=false, shape=shape).sum(axis=1),
        ],
        axis=-1,
    )
