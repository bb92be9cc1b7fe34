"""What the tests of losses share."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from factory_core.kernel.parts import list_parts


def names_of(kind: type) -> list[str]:
    """The files of `conf/loss/` whose class is a `kind`."""
    return [part.name for part in list_parts("loss") if issubclass(class_of(part.target), kind)]


def value_and_gradient(loss: Any, target: np.ndarray, output: np.ndarray) -> tuple[Any, np.ndarray]:
    """The mean of `loss` over the windows and its gradient by `output`, on the default backend."""
    import tensorflow as tf

    variable = tf.Variable(output)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss(target, variable))
    return float(value), tape.gradient(value, variable).numpy()


def class_of(target: str) -> type:
    """The class that a dotted path names."""
    module, _, name = target.rpartition(".")
    found: type = getattr(importlib.import_module(module), name)
    return found
