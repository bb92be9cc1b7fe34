"""What a sampler promises: the windows of an epoch, in their order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

# Columns of `windows.parquet` beside `count_<class>` and the contexts.
PLACE = ("window", "scene_id", "row_px", "column_px", "labels")
COUNT = "count_"


@dataclass(frozen=True)
class Epoch:
    """What a sampler may know when it chooses.

    Attributes:
        windows: The `windows.parquet` of train, a row a window, in the order of their numbers.
        generator: The only source of chance.
        losses: Loss of the windows that it asked for, by their number, after the epoch before;
            empty in the first epoch.
    """

    windows: pd.DataFrame
    generator: np.random.Generator
    losses: Mapping[int, float] = field(default_factory=dict)

    @property
    def labelled(self) -> np.ndarray:
        """Numbers of the windows with a label."""
        return np.flatnonzero(self.windows["labels"].to_numpy() > 0)

    @property
    def background(self) -> np.ndarray:
        """Numbers of the windows without any label."""
        return np.flatnonzero(self.windows["labels"].to_numpy() == 0)


class Sampler(ABC):
    """Chooses the windows of an epoch; the same epoch gives the same choice."""

    @abstractmethod
    def __call__(self, epoch: Epoch) -> np.ndarray:
        """Numbers of the windows of an epoch, in their order; as many in every epoch.

        A window may come more than once; each time it is augmented otherwise.

        Raises:
            ConfigError: The windows do not have what it balances.
        """

    def asks_for(self, epoch: Epoch) -> np.ndarray:
        """Numbers of the windows whose loss it wants to know before an epoch: none."""
        del epoch
        return np.zeros(0, np.int64)
