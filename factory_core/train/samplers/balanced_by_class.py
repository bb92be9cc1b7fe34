"""Rare classes as often as common ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_within
from factory_core.train.samplers.evenly import draw_evenly
from factory_core.train.samplers.interface import COUNT, Epoch, Sampler


@dataclass(frozen=True)
class BalancedByClass(Sampler):
    """Draw windows by the classes that they show, so that rare ones come more often.

    Class-balanced sampling (Kang et al. 2020, https://arxiv.org/abs/1910.09217): first a class,
    then a window that has it. Labels of common classes in the windows of rare ones come along.
    Windows without a label keep their share, and an epoch its length; some windows come several
    times, others not in every epoch.

    Args:
        evenness: 1 for all classes as often, 0.5 for the root of their numbers of windows, 0
            for as often as they are.
    """

    evenness: float = 1.0

    def __post_init__(self) -> None:
        check_within(0, 1, evenness=self.evenness)

    def __call__(self, epoch: Epoch) -> np.ndarray:
        """As many windows as there are, by class.

        Raises:
            ConfigError: The labels are of one class only.
        """
        names = [str(name) for name in epoch.windows.columns if str(name).startswith(COUNT)]
        groups = {
            name.removeprefix(COUNT): np.flatnonzero(epoch.windows[name].to_numpy() > 0)
            for name in names
        }
        seen = {name: group for name, group in groups.items() if len(group)}
        if len(seen) < 2:
            raise ConfigError(
                "`sampler: balanced_by_class` has nothing to balance: all labels of train are of "
                f"one class, {', '.join(seen) or 'or there are none'}. Choose `sampler: shuffled`, "
                "or a finer `taxonomy.level`."
            )
        drawn = draw_evenly(
            list(seen.values()),
            len(epoch.labelled),
            evenness=self.evenness,
            generator=epoch.generator,
        )
        return epoch.generator.permutation(np.concatenate([epoch.background, drawn]))
