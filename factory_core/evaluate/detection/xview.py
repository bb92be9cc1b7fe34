"""The score of the xView challenge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.ranking import Ranking, rankings
from factory_core.evaluate.metric import Metric, Number, Quantity, mean_where_known
from factory_core.evaluate.objects import NONE
from factory_core.evaluate.results import Results


@dataclass(frozen=True)
class XViewMap(Metric):
    """Mean average precision as xView scores it: the whole area under each class's curve.

    At an overlap of 0.5, without a limit of detections; where COCO reads the curve at 101 recalls,
    this takes every step of it. The mean over the classes that have labels, and by class.

    Source: Lam et al., xView: Objects in Context in Overhead Imagery (2018), section 5,
    https://arxiv.org/abs/1802.07856; the area as in PASCAL VOC from 2010 on, Everingham et al.,
    The Pascal Visual Object Classes Challenge: A Retrospective (2015), section 3.
    """

    group: ClassVar = "Ranking by score"
    gives: ClassVar = {
        "xview_map": Quantity("xView mAP", "mean area under the curve at an overlap of 0.50")
    }

    def __call__(self, results: Results) -> Areas:
        """Rank the detections of each class."""
        level = results.taxonomy.level
        ranked = rankings(results, level, right=results.matched(level, 0.5) != NONE)
        whole = (replace(ranking, every_step=True) for ranking in ranked)
        return Areas(dict(zip(results.taxonomy.names, whole, strict=True)))


@dataclass(frozen=True)
class Areas:
    """The tally of `XViewMap`: a ranking a class."""

    classes: dict[str, Ranking]

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """As `Tally`."""
        areas = {name: ranking(weights)[0][:, 0] for name, ranking in self.classes.items()}
        labels = {name: weights @ ranking.labels[0] for name, ranking in self.classes.items()}
        mean = mean_where_known(np.stack(list(areas.values())), axis=0)
        return {
            "xview_map": Number(mean, np.sum(list(labels.values()), axis=0)),
            **{
                f"by_class/{name}/xview_map": Number(area, labels[name])
                for name, area in areas.items()
            },
        }
