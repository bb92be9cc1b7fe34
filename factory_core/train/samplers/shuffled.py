"""Every window once an epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from factory_core.train.samplers.interface import Epoch, Sampler


@dataclass(frozen=True)
class Shuffled(Sampler):
    """Every window once, in an order of chance."""

    def __call__(self, epoch: Epoch) -> np.ndarray:
        """A permutation of all windows."""
        return epoch.generator.permutation(len(epoch.windows))
