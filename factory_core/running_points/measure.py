"""The ruler of a search: labels of val, and the metrics that it asks for and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from geopandas import GeoDataFrame

from factory_core.evaluate.metric import Metric, Tally, estimate
from factory_core.evaluate.results import Results
from factory_core.kernel import config, io
from factory_core.kernel.errors import ConfigError, nearest
from factory_core.kernel.parts import list_parts

# As `metrics.json` has them.
DIGITS = 6


@dataclass(frozen=True)
class Ruler:
    """What measures points.

    Attributes:
        results: The scenes with their labels, without detections.
        metrics: The parts that give what is asked for.
        min_samples: With fewer a metric gives no number.
        draws: `(1 + draws, scene)` how often each scene is drawn, for intervals.
    """

    results: Results
    metrics: tuple[Metric, ...]
    min_samples: int
    draws: np.ndarray

    def tallies(self, detections: Mapping[str, GeoDataFrame]) -> list[Tally]:
        """What the metrics make of the detections of each scene."""
        results = self.results.detecting(io.as_read_by_scene(detections))
        return [metric(results) for metric in self.metrics]

    def measure(self, detections: Mapping[str, GeoDataFrame]) -> dict[str, float | None]:
        """Every number of the metrics, as the stage evaluate states it, or None."""
        weights = np.ones((1, len(self.results.scenes)))
        found = estimate(self.tallies(detections), weights, min_samples=self.min_samples)
        return {
            name: None if one.value is None else round(one.value, DIGITS)
            for name, one in found.items()
        }


def needed(
    metrics: Mapping[str, Metric], names: Sequence[str], *, classes: Sequence[str]
) -> tuple[Metric, ...]:
    """The metric parts that give `names`.

    Args:
        metrics: The chosen parts by name.
        names: Asked for, `f1` or a path as `by_class/house/f1`.
        classes: Of the detector, at every level.

    Raises:
        ConfigError: None gives one of them; names the nearest that there is.
    """
    givers = {given: part for part in metrics.values() for given in part.gives}
    for name in names:
        *path, last = name.split("/")
        if last not in givers:
            raise ConfigError(
                f"No metric that `evaluate.metrics` chooses gives {name!r}.{_hint(last, givers)}"
            )
        if path[:1] == ["by_class"] and path[1:2] and path[1] not in classes:
            raise ConfigError(
                f"{name!r} is of a class that the taxonomy does not have."
                f"{nearest(path[1], classes)} It has: {', '.join(classes)}."
            )
    wanted = {id(givers[name.rpartition("/")[2]]) for name in names}
    return tuple(part for part in metrics.values() if id(part) in wanted)


def _hint(name: str, chosen: Iterable[str]) -> str:
    """Which metric to choose for a name, or the nearest name that there is."""
    for part in list_parts("metric"):
        if name in config.part_class(part.target, where="metric").gives:
            return (
                f" {part.name} does: choose it in the defaults list of conf/config.yaml, "
                f"`metric: [..., {part.name}]`."
            )
    names = list(chosen)
    return f"{nearest(name, names)} There are: {', '.join(names)}."


def number_of(written: Any, name: str) -> float | None:
    """A number in the content of `metrics.json`, where paths are mappings in mappings."""
    node = written
    for step in name.split("/"):
        node = node.get(step) if isinstance(node, Mapping) else None
    return None if node is None else float(node)
