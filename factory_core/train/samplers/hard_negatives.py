"""Ground without objects that the network takes for some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.limits import check_at_least, check_within
from factory_core.train.samplers.interface import Epoch, Sampler


@dataclass(frozen=True)
class HardNegatives(Sampler):
    """Every window with a label once, and of those without any the ones with the highest loss.

    Bootstrapping (Sung and Poggio 1998, https://doi.org/10.1109/34.655648): after each epoch the
    network looks at some windows without a label, and those that it is most wrong about come
    in the next. The others are drawn by chance, as all of them in the first epoch.

    Args:
        share: Share of the windows of an epoch that have no label, as far as there are so many.
        hard_share: Share of those that is chosen by loss.
        looked_at: Windows without a label that are looked at after each epoch, drawn by chance;
            each costs about a third of a window of training.
    """

    share: float = 0.3
    hard_share: float = 0.5
    looked_at: int = 256

    def __post_init__(self) -> None:
        check_within(0, 1, without=(0, 1), share=self.share)
        check_within(0, 1, hard_share=self.hard_share)
        check_at_least(1, looked_at=self.looked_at)

    def __call__(self, epoch: Epoch) -> np.ndarray:
        """All windows with a label and some without.

        Raises:
            ConfigError: Every window has a label.
        """
        labelled, background = epoch.labelled, self._background(epoch)
        wanted = max(1, round(self.share / (1 - self.share) * len(labelled)))
        count = min(wanted, len(background))
        by_loss = sorted(epoch.losses, key=lambda window: (-epoch.losses[window], window))
        hard = np.array(by_loss[: round(self.hard_share * count)], np.int64)
        rest = epoch.generator.permutation(np.setdiff1d(background, hard))
        chosen = np.concatenate([hard, rest[: count - len(hard)]])
        return epoch.generator.permutation(np.concatenate([labelled, chosen]))

    def asks_for(self, epoch: Epoch) -> np.ndarray:
        """Some of the windows without a label."""
        return epoch.generator.permutation(self._background(epoch))[: self.looked_at]

    def _background(self, epoch: Epoch) -> np.ndarray:
        background = epoch.background
        if not len(background):
            raise ConfigError(
                "`sampler: hard_negatives` has nothing to choose from: every window of train has a "
                "label. Raise `select.background_share`, or choose `sampler: shuffled`."
            )
        return background
