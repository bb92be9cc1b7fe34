"""Average precision and recall of COCO, without its limit of detections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.ranking import IOUS, Ranking, rankings
from factory_core.evaluate.metric import Metric, Number, Quantity, mean_where_known
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results

AP: dict[str, Quantity] = {
    "ap50": Quantity(
        "AP50",
        "mean precision over all recalls at an overlap of 0.50, without a limit of detections",
    ),
    "ap75": Quantity("AP75", "the same, at an overlap of 0.75"),
    "ap50_95": Quantity("AP50:95", "the same, over the overlaps 0.50 to 0.95"),
    "ar": Quantity("AR", "mean share of the labels found at these overlaps, without a limit"),
}


@dataclass(frozen=True)
class AveragePrecision(Metric):
    """Average precision and average recall at COCO's overlaps, 0.50 to 0.95 by 0.05.

    The mean over the classes that have labels; by class, and at each level of the taxonomy above
    that of training. All detections of a scene count: COCO's limit of 100 an image, which
    would silently drop most of a large scene, is lifted. Polygons and oriented boxes overlap
    by their own shape where `evaluate.match` is `polygon`.

    Source: Lin et al., Microsoft COCO (2014), and https://cocodataset.org/#detection-eval.
    """

    group: ClassVar = "Ranking by score"
    gives: ClassVar = AP

    def __call__(self, results: Results) -> Ranked:
        """Rank the detections of each class at each level."""
        taxonomy = results.taxonomy
        return Ranked(
            {
                (f"by_level/{level}/" if level < taxonomy.level else ""): dict(
                    zip(
                        taxonomy.names_at(level),
                        rankings(results, level, right=results.matched(level, *IOUS) != NONE),
                        strict=True,
                    )
                )
                for level in range(taxonomy.level, 0, -1)
            },
            by_class="",
        )


@dataclass(frozen=True)
class Ranked:
    """The tally of rankings: by group the mean over classes, and of one group by class.

    Args:
        groups: Beginning of the names of each group -> ranking by class.
        by_class: Which group is given by class too; None: none is.
    """

    groups: dict[str, dict[str, Ranking]]
    by_class: str | None = None

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """As `Tally`."""
        named: dict[str, Number] = {}
        for prefix, classes in self.groups.items():
            of_class = {name: ranking(weights) for name, ranking in classes.items()}
            labels = {name: weights @ ranking.labels[0] for name, ranking in classes.items()}
            average, recall = (
                mean_where_known(np.stack(values), axis=0)
                for values in zip(*of_class.values(), strict=True)
            )
            samples = np.sum(list(labels.values()), axis=0)
            named |= _quantities(average, recall, samples=samples, prefix=prefix)
            if prefix == self.by_class:
                for name, (average, recall) in of_class.items():
                    named |= _quantities(
                        average, recall, samples=labels[name], prefix=f"{prefix}by_class/{name}/"
                    )
        return named


def _quantities(
    average: np.ndarray, recall: np.ndarray, *, samples: np.ndarray, prefix: str
) -> dict[str, Number]:
    """The numbers of `AP`, of `(draw, overlap)` at `IOUS`."""
    values = {
        "ap50": average[:, 0],
        "ap75": average[:, 5],
        "ap50_95": average.mean(axis=1),
        "ar": recall.mean(axis=1),
    }
    return {f"{prefix}{name}": Number(value, samples) for name, value in values.items()}
