"""Split by the time at which scenes were taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from factory_core.kernel.errors import SelectionError
from factory_core.kernel.limits import check_at_least
from factory_core.select.units import Pool, Unit, check_shares


@dataclass(frozen=True)
class Dates:
    """Split by time: what is judged on was taken at another time than what was learnt from.

    Either the dates are stated, or the latest scenes are test and those before them val.
    Ground that scenes of two splits show goes to the more precious one: train gives way to
    val, both to test, by `gap_m`. What was test in an earlier version stays test.

    Attributes:
        val_dates: Ranges `2023-01-01/2023-06-30`, both days included, UTC.
        test_dates: Ranges, as in `val_dates`.
        val_share: Share of the scenes that is val, where no dates are stated.
        test_share: Share of the scenes, the latest, that is test, where no dates are stated.
        gap_m: Distance that two splits keep.

    Raises:
        ValueError: A range that is none, ranges that overlap, or a share out of its range.
    """

    val_dates: tuple[str, ...] = ()
    test_dates: tuple[str, ...] = ()
    val_share: float = 0.2
    test_share: float = 0.2
    gap_m: float = 10.0

    def __post_init__(self) -> None:
        check_at_least(0, gap_m=self.gap_m)
        check_shares(self.val_share, self.test_share)
        ranges = sorted((*_ranges(self.val_dates), *_ranges(self.test_dates)))
        for (_, end, one), (start, _, two) in pairwise(ranges):
            if start < end:
                raise ValueError(f"The ranges {one!r} and {two!r} overlap. Let each day be in one.")

    @property
    def shares(self) -> Mapping[str, float]:
        """None: time decides."""
        return {}

    def __call__(self, pool: Pool) -> list[Unit]:
        """A unit for each scene.

        Raises:
            SelectionError: A scene does not tell its time.
        """
        times: dict[str, datetime] = {}
        unknown = []
        for name in sorted(pool.outlines):
            time = pool.times.get(name)
            if time is None:
                unknown.append(name)
            else:
                times[name] = time
        if unknown:
            raise SelectionError(
                f"{len(unknown)} of {len(pool.outlines)} scenes do not tell when they were taken, "
                f"and `select.split` goes by dates: {', '.join(unknown[:5])}. Give them a time "
                "(the tag ACQUISITIONDATETIME), or leave them out: `datetime IS NOT NULL` in "
                "`select.where`."
            )
        splits = self._by_range(times) if self.val_dates or self.test_dates else self._latest(times)
        return [
            Unit({name: outline.iloc[0]}, split=splits[name], whole=True)
            for name, outline in pool.outlines.items()
        ]

    def _by_range(self, times: Mapping[str, datetime]) -> dict[str, str]:
        ranges = [
            *(("val", *r[:2]) for r in _ranges(self.val_dates)),
            *(("test", *r[:2]) for r in _ranges(self.test_dates)),
        ]
        return {
            name: next((split for split, start, end in ranges if start <= time < end), "train")
            for name, time in times.items()
        }

    def _latest(self, times: Mapping[str, datetime]) -> dict[str, str]:
        """The latest are test; scenes of one instant stay together, in the earlier split."""
        order = sorted(times.values())
        number_test = round(self.test_share * len(order))
        number_val = round(self.val_share * len(order))
        last_val = order[-number_test - 1] if number_test < len(order) else None
        last_train = order[-number_test - number_val - 1]

        def split(time: datetime) -> str:
            if time <= last_train:
                return "train"
            return "val" if last_val is None or time <= last_val else "test"

        return {name: split(time) for name, time in times.items()}


def _ranges(texts: Sequence[str]) -> list[tuple[datetime, datetime, str]]:
    """First instant, and first instant after, of each range."""
    found = []
    for text in texts:
        try:
            first, last = (
                datetime.fromisoformat(day.strip()).replace(tzinfo=UTC) for day in text.split("/")
            )
        except ValueError as error:
            raise ValueError(
                f"A range of dates is two days joined by a slash, `2023-01-01/2023-06-30`. "
                f"Received: {text!r} ({error})."
            ) from error
        if last < first:
            raise ValueError(f"The range of dates {text!r} ends before it begins. Swap the days.")
        found.append((first, last + timedelta(days=1), text))
    return found
