"""What a metric is, and the intervals that its numbers get by drawing scenes again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from factory_core.evaluate.results import Results

CONFIDENCE = 0.95
# Of fewer scenes, even all that agree do so by chance once in sixteen times (0.5 ** 4) or more.
LEAST_SCENES = 6
Reads = Literal["polygons", "lines", "score_map"]


@dataclass(frozen=True)
class Quantity:
    """What a number of a metric says, for reports and for comparing.

    Attributes:
        title: Its name for people.
        meaning: One sentence on what it says.
        best: Its value for perfect detections, 1 or 0: whether more is better, or less. None for
            what is neither, as the number of labels.
    """

    title: str
    meaning: str
    best: float | None = 1.0


@dataclass(frozen=True)
class Number:
    """One number of a metric, for each draw of scenes.

    Attributes:
        values: `(draw,)`, NaN where there is nothing to divide by.
        samples: `(draw,)` how many objects (pixels, metres) it rests on; None for a count,
            which is right however small it is.
    """

    values: np.ndarray
    samples: np.ndarray | None = None


class Tally(Protocol):
    """All of a metric that does not change when scenes are drawn again: sums by scene, ranks."""

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """The numbers of each draw.

        Args:
            weights: `(draw, scene)` how often each scene is drawn; 0 leaves it out, and 2 is
                the same as having the scene twice.

        Returns:
            Numbers by name: one of `Metric.gives`, or the same of a part of the objects as a
            path that ends in it, `by_class/house/f1`. The weights do not change names.
        """


class Metric(ABC):
    """A part that is called once with the results of a split, and gives its tally.

    The tally then serves the value (all weights one), its interval (scenes drawn with
    replacement), the difference of two versions (the same draws for both), and slices by
    context (weight 0 for other scenes).

    Attributes:
        gives: Its numbers by name, the last step of a path.
        group: Title under which the report shows its numbers of all classes and scenes; metrics
            of one kind share it.
        reads: What the results must hold: detections as polygons or as lines, or the score map.
        sliced: Whether slices by context show it.
    """

    gives: ClassVar[Mapping[str, Quantity]]
    group: ClassVar[str] = "Other numbers"
    reads: ClassVar[Reads] = "polygons"
    sliced: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, results: Results) -> Tally:
        """Match, rank and sum up whatever does not depend on which scenes are drawn."""


def group_numbers(metrics: Sequence[Metric]) -> dict[str, str]:
    """The group of each number, by name: of several metrics that give it, of the first with one."""
    groups: dict[str, str] = {}
    for metric in sorted(metrics, key=lambda metric: metric.group == Metric.group):
        groups |= {name: metric.group for name in metric.gives if name not in groups}
    return groups


@dataclass(frozen=True)
class Sums:
    """The tally of a metric whose numbers follow from sums over scenes.

    Args:
        by_scene: `(scene, column)` what is summed up.
        numbers: Of the sums `(draw, column)`, the numbers.
    """

    by_scene: np.ndarray
    numbers: Callable[[np.ndarray], dict[str, Number]]

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """As `Tally`."""
        return self.numbers(weights @ self.by_scene.astype(float))


@dataclass(frozen=True)
class Together:
    """Several tallies as one."""

    tallies: tuple[Tally, ...]

    def __call__(self, weights: np.ndarray) -> dict[str, Number]:
        """As `Tally`."""
        return {name: one for tally in self.tallies for name, one in tally(weights).items()}


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """`over / under`, NaN where there is nothing to divide by."""
    result = np.full(np.broadcast_shapes(np.shape(over), np.shape(under)), np.nan)
    np.divide(over, under, out=result, where=np.asarray(under) > 0)
    return result


def mean_where_known(values: np.ndarray, *, axis: int) -> np.ndarray:
    """Mean over an axis of what is a number; NaN where nothing is."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=axis), known.sum(axis=axis))


def draw_weights(scenes: int, *, draws: int, seed: int) -> np.ndarray:
    """How often each scene is drawn: once in the first row, with replacement in the others.

    Returns:
        `(1 + draws, scene)`, each row of sum `scenes`.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6; scenes and
    not objects are drawn, as objects of one scene are not independent.
    """
    drawn = np.random.default_rng(seed).multinomial(scenes, np.full(scenes, 1 / scenes), size=draws)
    return np.concatenate([np.ones((1, scenes)), drawn])


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        value: None where there are too few samples, or nothing to divide by.
        low: Of the interval; None too over fewer than `LEAST_SCENES`.
        high: Of the interval.
        samples: What it rests on; None for a count.
        note: Why there is no value or no interval; else empty.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    samples: int | None = None
    note: str = ""


def estimate(
    tallies: Sequence[Tally], weights: np.ndarray, *, min_samples: int
) -> dict[str, Estimate]:
    """Every number of `tallies` with its interval.

    Args:
        tallies: Of the metrics, in their order.
        weights: `(1 + draws, scene)` of `draw_weights`: the first row gives the value, the others
            the interval.
        min_samples: A ratio of fewer samples gets no number.

    Returns:
        Estimates by name, in the order of the metrics.

    Source: percentile intervals, Efron and Tibshirani (1993), chapter 13.
    """
    scenes = int(np.count_nonzero(weights[0]))
    return {
        name: _estimate(number, scenes=scenes, min_samples=min_samples)
        for tally in tallies
        for name, number in tally(weights).items()
    }


def _estimate(number: Number, *, scenes: int, min_samples: int) -> Estimate:
    value, samples = float(number.values[0]), None
    if number.samples is not None:
        samples = round(float(number.samples[0]))
        if samples < min_samples:
            note = f"{samples} samples, fewer than {min_samples}"
            return Estimate(None, samples=samples, note=note)
    if np.isnan(value):
        return Estimate(None, samples=samples, note="nothing to divide by")
    if scenes < LEAST_SCENES:
        note = f"no interval: fewer than {LEAST_SCENES} scenes"
        return Estimate(value, samples=samples, note=note)
    low, high = interval(number.values[1:])
    if low is None:
        return Estimate(value, samples=samples, note="no interval: too few draws have a number")
    return Estimate(value, low, high, samples)


def interval(draws: np.ndarray) -> tuple[float | None, float | None]:
    """The percentile interval of a number's draws; none where less than half of them have one."""
    known = draws[~np.isnan(draws)]
    if not len(draws) or len(known) < len(draws) / 2:
        return None, None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def nested(flat: Mapping[str, object]) -> dict[str, object]:
    """Names that are paths as mappings in mappings: `{"by_class/house/f1": 1}` and so on."""
    result: dict[str, object] = {}
    for name, value in flat.items():
        *path, last = name.split("/")
        inner = result
        for step in path:
            inner = inner.setdefault(step, {})  # type: ignore[assignment]
        inner[last] = value
    return result
