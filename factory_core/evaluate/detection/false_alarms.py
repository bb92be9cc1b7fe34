"""False alarms by the ground that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from factory_core.evaluate.detection.matches import count_by_class
from factory_core.evaluate.metric import Metric, Number, Quantity, Sums, ratio
from factory_core.evaluate.results import Results


@dataclass(frozen=True)
class FalseAlarms(Metric):
    """Detections that match no label, for each square kilometre of the split.

    It needs no labels: empty ground counts as much as any. All classes are pooled, and by class.
    The rate of the free-response operating characteristic (FROC), with area for images.

    Source: Bunch et al., A Free Response Approach to the Measurement and Characterization of
    Radiographic-Observer Performance, Journal of Applied Photographic Engineering 4 (1978), 166.
    """

    group: ClassVar = "In operation"
    gives: ClassVar = {
        "false_alarms_per_km2": Quantity(
            "False alarms per km²", "detections that matched no label, for each km²", 0.0
        )
    }

    def __call__(self, results: Results) -> Sums:
        """Count false detections by class, beside the area."""
        names = results.taxonomy.names
        false = count_by_class(results, results.taxonomy.level, iou=results.iou)[..., 2]

        def numbers(sums: np.ndarray) -> dict[str, Number]:
            rates = ratio(sums[:, :-1], sums[:, -1:])
            return {
                "false_alarms_per_km2": Number(rates.sum(axis=1)),
                **{
                    f"by_class/{name}/false_alarms_per_km2": Number(rates[:, at])
                    for at, name in enumerate(names)
                },
            }

        return Sums(np.column_stack([false, results.area_km2]), numbers)
