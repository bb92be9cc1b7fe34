"""How contexts are said in plain words: where each is noteworthy, and what it is then called."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from factory_core.kernel.units import unit_of


@dataclass(frozen=True)
class Condition:
    """A state that scenes may be in.

    Attributes:
        context: Column of the catalogue.
        limit: Where it begins.
        above: Whether it holds from the limit up, or up to the limit.
        phrase: Follows "is seen": `under snow`.
    """

    context: str
    limit: float
    above: bool
    phrase: str

    def holds(self, scenes: pd.DataFrame) -> pd.Series:
        """Whether each scene is in this state; not where it is not known."""
        values = scenes[self.context].astype(float)
        return values >= self.limit if self.above else values <= self.limit


KNOWN = (
    Condition("snow", 0.2, True, "under snow"),
    Condition("vegetation", 0.3, True, "among green plants"),
    Condition("vegetation", 0.05, False, "without green plants around"),
    Condition("cloud", 0.1, True, "between clouds"),
    Condition("haze", 0.3, True, "through haze"),
    Condition("water", 0.1, True, "near open water"),
    Condition("season", 0.25, False, "in winter"),
    Condition("season", 0.75, True, "in summer"),
    Condition("sun_elevation_deg", 30.0, False, "under a sun lower than 30°"),
    Condition("off_nadir_deg", 20.0, True, "in a view slanted by more than 20°"),
    Condition("relief_m", 50.0, True, "in hilly country"),
)
SILENT = {condition.context for condition in KNOWN} | {
    *("brightness", "contrast", "sharpness", "nodata_share", "gsd_m", "shadow"),
}


def conditions(contexts: tuple[str, ...]) -> list[Condition]:
    """The states that these contexts tell, those of a detector's own shares included."""
    known = [condition for condition in KNOWN if condition.context in contexts]
    own = [name for name in contexts if name not in SILENT and not unit_of(name)]
    return known + [Condition(name, 0.5, True, f"where {name} is above a half") for name in own]


def title(name: str) -> str:
    """The name of a context for people: `off nadir`."""
    unit = unit_of(name)
    stem = name.rpartition("_")[0] if unit else name
    return stem.replace("_", " ")


def listed(names: list[str], *, most: int = 5, last: str = "and") -> str:
    """`a, b and c`; of many the first, and how many more."""
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
        last = "and"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def number(value: float) -> str:
    """A whole number with thin spaces."""
    return f"{round(value):,}".replace(",", "\N{THIN SPACE}")


def percent(share: float) -> str:
    """A share as people write it, never 0 % or 100 % of something that is not."""
    shown = min(max(round(100 * share), 1), 99) if 0 < share < 1 else round(100 * share)
    return f"{shown}\N{THIN SPACE}%"


def counted(count: int, noun: str) -> str:
    """`1 scene`, `2 scenes`."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"
