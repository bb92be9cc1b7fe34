"""The section `select` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from factory_core.kernel.limits import check_above, check_at_least, check_within
from factory_core.select.quotas import Quota


@dataclass(frozen=True)
class Settings:
    """Which scenes and which ground are taken.

    Attributes:
        where: One SQL condition over the table of scenes.
        geofence: File of polygons in the folder of the query; None: everywhere.
        level: Level of the taxonomy at which classes are balanced.
        quotas: How much of what, by a name of your own.
        budget_windows: Windows of ground at most; None: all there is.
        window_m: Side of a window on the ground.
        background_share: Share of the budget that may be ground without a label.
        near_duplicate_bits: Bits of 64 in which scenes that look alike may differ.
        seed: Chooses among units that serve equally well.
    """

    where: str
    geofence: str | None
    level: int
    quotas: dict[str, Quota]
    budget_windows: int | None
    window_m: float | None
    background_share: float
    near_duplicate_bits: int
    seed: int

    def __post_init__(self) -> None:
        check_at_least(1, budget_windows=self.budget_windows)
        check_above(0, window_m=self.window_m)
        if self.budget_windows is not None and self.window_m is None:
            raise ValueError(
                "`budget_windows` counts squares of `window_m` metres on the ground: state it, "
                "`dataset.window_px` times the resolution after `process`."
            )
        check_within(0, 1, background_share=self.background_share)
        if not -1 <= self.near_duplicate_bits <= 16:
            raise ValueError(
                "`near_duplicate_bits` must lie in [0, 16], or be -1 to look for none. "
                f"Received: {self.near_duplicate_bits}."
            )
