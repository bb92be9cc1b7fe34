"""Rare contexts as often as common ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.errors import ConfigError, nearest
from factory_core.kernel.limits import check_within
from factory_core.train.samplers.evenly import draw_evenly
from factory_core.train.samplers.interface import COUNT, PLACE, Epoch, Sampler


@dataclass(frozen=True)
class BalancedByContext(Sampler):
    """Draw windows by a context, so that snowy ones, say, come as often as others.

    Windows where the context was not measured keep their share, and an epoch its length; some
    windows come several times, others not in every epoch.

    Args:
        context: A column of `windows.parquet`, one of `catalogue.contexts`.
        edges: Where one range of its values ends and the next begins, rising.
        evenness: 1 for all ranges as often, 0.5 for the root of their numbers of windows, 0 for
            as often as they are.
    """

    context: str = "snow"
    edges: tuple[float, ...] = (0.33, 0.67)
    evenness: float = 1.0

    def __post_init__(self) -> None:
        check_within(0, 1, evenness=self.evenness)
        if not self.edges or list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"`edges` must be one or more rising values. Received: {self.edges}.")

    def __call__(self, epoch: Epoch) -> np.ndarray:
        """As many windows as there are, by the range that their context lies in.

        Raises:
            ConfigError: There is no such context, or all windows lie in one range.
        """
        values = self._values(epoch)
        known = ~np.isnan(values)
        ranges = np.searchsorted(self.edges, values, side="right")
        groups = [np.flatnonzero(known & (ranges == n)) for n in range(len(self.edges) + 1)]
        seen = [group for group in groups if len(group)]
        if len(seen) < 2:
            low, high = (np.nanmin(values), np.nanmax(values)) if known.any() else (np.nan, np.nan)
            raise ConfigError(
                f"`sampler.edges` {list(self.edges)} leave all windows of train in one range: "
                f"{self.context!r} goes from {low:.3g} to {high:.3g} in the {known.sum()} of "
                f"{len(values)} windows where it was measured. Put an edge in between, or choose "
                "`sampler: shuffled`."
            )
        drawn = draw_evenly(
            seen, int(known.sum()), evenness=self.evenness, generator=epoch.generator
        )
        return epoch.generator.permutation(np.concatenate([np.flatnonzero(~known), drawn]))

    def _values(self, epoch: Epoch) -> np.ndarray:
        columns = [str(name) for name in epoch.windows.columns]
        contexts = [name for name in columns if name not in PLACE and not name.startswith(COUNT)]
        if self.context not in contexts:
            raise ConfigError(
                f"`sampler.context` is {self.context!r}, which the windows of train do not have."
                f"{nearest(self.context, contexts)} They have: {', '.join(contexts) or 'none'}. "
                "Add it to `context` in conf/config.yaml."
            )
        values: np.ndarray = epoch.windows[self.context].to_numpy(np.float64)
        return values
