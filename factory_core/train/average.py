"""The running average of a network's weights, which finds better than any one step's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


class Average(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Averages the variables of a network after each step (Polyak and Juditsky 1992).

    The moving figures of batch normalisation are averaged too, so the average can be used
    as it stands. The first steps count for little.

    Args:
        variables: Keras variables, in the order of `values`.
        momentum: Share that the average keeps at each step; 0 follows the last step.
    """

    def __init__(self, variables: Sequence[Any], *, momentum: float) -> None:
        super().__init__()
        self.variables = list(variables)
        self.momentum = momentum
        self.values = [np.array(variable.numpy()) for variable in self.variables]
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Take the weights after a step into the average."""
        del batch, logs
        keep = np.float32(min(self.momentum, self.steps / (10 + self.steps)))
        self.steps += 1
        for value, variable in zip(self.values, self.variables, strict=True):
            if np.issubdtype(value.dtype, np.floating):
                value *= keep
                value += (1 - keep) * variable.numpy()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the network has the average, after it its own weights again."""
        own = [variable.numpy() for variable in self.variables]
        assign(self.variables, self.values)
        yield
        assign(self.variables, own)


def assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
    """Give each variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
