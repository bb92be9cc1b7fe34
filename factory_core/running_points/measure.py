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
    metrics: Mapping[str, Metric], names: Sequence[str], *, results: Results
) -> tuple[Metric, ...]:
    """The metric parts that give `names`.

    Args:
        metrics: The chosen parts by name.
        names: Asked for, `f1` or a path as `by_class/house/f1`.
        results: The scenes with their labels, without detections.

    Raises:
        ConfigError: None gives one of them; names the nearest that there is.
    """
    classes = results.taxonomy.all_names()
    wanted = set()
    for name in names:
        *path, last = name.split("/")
        givers = {key: part for key, part in metrics.items() if last in part.gives}
        if not givers:
            given = dict.fromkeys(each for part in metrics.values() for each in part.gives)
            raise ConfigError(
                f"No metric that `evaluate.metrics` chooses gives {name!r}.{_hint(last, given)}"
            )
        if path[:1] == ["by_class"] and path[1:2] and path[1] not in classes:
            raise ConfigError(
                f"{name!r} is of a class that the taxonomy does not have."
                f"{nearest(path[1], classes)} It has: {', '.join(classes)}."
            )
        wanted.add(next(iter(givers)) if len(givers) == 1 else _giver(name, givers, results))
    return tuple(part for key, part in metrics.items() if key in wanted)


def _giver(name: str, metrics: Mapping[str, Metric], results: Results) -> str:
    """Which of several parts gives a number itself, and not only that of a part of the objects.

    Raises:
        ConfigError: None does.
    """
    weights = np.ones((1, len(results.scenes)))
    given = {key: list(part(results)(weights)) for key, part in metrics.items()}
    for key, numbers in given.items():
        if name in numbers:
            return key
    there = [number for numbers in given.values() for number in numbers]
    raise ConfigError(
        f"No metric that `evaluate.metrics` chooses gives {name!r}.{nearest(name, there)}"
    )


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
