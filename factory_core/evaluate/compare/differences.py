"""By how much the numbers of two versions differ, with intervals by paired bootstrap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from factory_core.evaluate.metric import LEAST_SCENES, Number, Quantity, Tally, interval
from factory_core.evaluate.page import as_text


@dataclass(frozen=True)
class Difference:
    """One number of two versions on the same scenes.

    Attributes:
        name: Of the number, `f1` or `by_class/house/f1`.
        context: Slice of the scenes it is of, `snow: high`; empty for all.
        quantity: What the number says.
        first: Of the first version; None where it has too few samples, or nothing to divide by.
        second: Of the second.
        low: Of the interval of `second - first`; None where there is none.
        high: Of that interval.
        samples: What the second rests on; None for a count.
        scenes: On which it was measured.
        note: Why there is no difference, or no interval; else empty.
    """

    name: str
    context: str
    quantity: Quantity
    first: float | None
    second: float | None
    low: float | None
    high: float | None
    samples: int | None
    scenes: int
    note: str = ""

    @property
    def value(self) -> float | None:
        """The second less the first; None where one of them has no number."""
        if self.first is None or self.second is None:
            return None
        return self.second - self.first

    @property
    def real(self) -> bool:
        """Whether the difference is there: its interval excludes 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def better(self) -> bool | None:
        """Whether the second is better; None where that is not said or not shown."""
        if not self.real or self.quantity.best is None or self.value is None:
            return None
        return (self.value > 0) == (self.quantity.best > 0)

    @property
    def equal(self) -> bool:
        """Whether both have the same number."""
        return self.value == 0 and not self.real

    @property
    def headline(self) -> bool:
        """Whether it is of all classes and all scenes."""
        return not self.context and "/" not in self.name

    @property
    def fact(self) -> tuple[object, ...]:
        """The numbers themselves and the metric, whatever part of the objects they are of."""
        metric = self.name.rpartition("/")[2]
        return metric, self.first, self.second, self.low, self.high, self.samples, self.scenes

    @property
    def words(self) -> str:
        """What it is of, for people: `F1, house`, `Recall, snow: high`."""
        *path, _ = self.name.split("/")
        parts = [
            step.removeprefix("by_").replace("_m2", " in m²").replace("_", " ") for step in path
        ]
        of = " ".join(path[1:] if path[:1] == ["by_class"] else parts)
        return ", ".join(text for text in (self.quantity.title, of, self.context) if text)

    def text(self, value: float | None, *, signed: bool = False) -> str:
        """A value of it as people read it: counts whole, ratios with three decimals."""
        return as_text(value, ratio=self.samples is not None, signed=signed)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "context": self.context,
            "title": self.quantity.title,
            "best": self.quantity.best,
            "first": self.first,
            "second": self.second,
            "difference": self.value,
            "low": self.low,
            "high": self.high,
            "real": self.real,
            "better": self.better,
            "samples": self.samples,
            "scenes": self.scenes,
            "note": self.note,
        }


def differences(
    first: Tally,
    second: Tally,
    weights: np.ndarray,
    *,
    gives: Mapping[str, Quantity],
    min_samples: int,
    context: str = "",
) -> list[Difference]:
    """Every number of a metric for two versions, and their difference.

    Both see the same draws of scenes, so that what makes a scene hard for both cancels out: the
    interval of the difference is narrower than those of the two numbers suggest.

    Args:
        first: Tally of the first version.
        second: Tally of the second, over the same scenes in the same order.
        weights: `(1 + draws, scene)` of `draw_weights`; 0 in all rows leaves a scene out.
        gives: Quantities of the metric by name.
        min_samples: A ratio that rests on fewer, in either version, has no number.
        context: Name of the slice that `weights` leaves.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16;
    Koehn, Statistical Significance Tests for Machine Translation Evaluation (2004), section 4,
    for the paired draws.
    """
    one, two = first(weights), second(weights)
    scenes = int(np.count_nonzero(weights[0]))
    return [
        _difference(
            name,
            one[name],
            number,
            quantity=gives[name.rpartition("/")[2]],
            scenes=scenes,
            min_samples=min_samples,
            context=context,
        )
        for name, number in two.items()
        if name in one
    ]


def _difference(
    name: str,
    one: Number,
    two: Number,
    *,
    quantity: Quantity,
    scenes: int,
    min_samples: int,
    context: str,
) -> Difference:
    values = [_value(number, min_samples=min_samples) for number in (one, two)]
    samples = None if two.samples is None else round(float(two.samples[0]))
    low = high = None
    note = ""
    if None in values:
        few = any(_few(number, min_samples=min_samples) for number in (one, two))
        note = f"fewer than {min_samples} samples" if few else "nothing to divide by"
    elif scenes < LEAST_SCENES:
        note = f"no interval: fewer than {LEAST_SCENES} scenes"
    else:
        low, high = interval(two.values[1:] - one.values[1:])
        note = "no interval: too few draws have a number" if low is None else ""
    return Difference(
        name, context, quantity, values[0], values[1], low, high, samples, scenes, note
    )


def _value(number: Number, *, min_samples: int) -> float | None:
    value = float(number.values[0])
    return None if np.isnan(value) or _few(number, min_samples=min_samples) else value


def _few(number: Number, *, min_samples: int) -> bool:
    return number.samples is not None and number.samples[0] < min_samples


def by_importance(found: Sequence[Difference]) -> list[Difference]:
    """The headline in the order of the metrics, then what is real, the surest first, then the rest.

    How sure: the distance of the difference from 0 over the width of its interval. A part that is
    all there is (the only class that occurs, a slice of all scenes) says the headline again, and
    is left out.
    """
    headline = [difference for difference in found if difference.headline]
    said = {difference.fact for difference in headline}
    others = [d for d in found if not d.headline and d.fact not in said]
    return headline + sorted(others, key=lambda d: (not d.real, -_sureness(d)))


def split_by_change(
    found: Sequence[Difference], *, first: str = ""
) -> tuple[list[Difference], list[Difference], list[Difference]]:
    """What moved, what is equal, and what has no number in one version; each in its order.

    Of what moved, differences that are there come before those that may be chance.

    Args:
        found: Differences.
        first: Name of the number of all scenes that comes first, whatever became of it.
    """

    def leads(d: Difference) -> bool:
        return d.name == first and not d.context

    moved = [d for d in found if leads(d) or (d.value is not None and not d.equal)]
    return (
        sorted(moved, key=lambda d: (not leads(d), not d.real)),
        [d for d in found if d.equal and not leads(d)],
        [d for d in found if d.value is None and not leads(d)],
    )


def _sureness(difference: Difference) -> float:
    if difference.value is None or difference.low is None or difference.high is None:
        return -1.0
    width = difference.high - difference.low
    return abs(difference.value) / width if width else float(difference.value != 0)
