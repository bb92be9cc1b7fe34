"""What losses of score maps share: the truth as shares, weights of classes, overlap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from keras import ops

from factory_core.kernel.errors import ConfigError, nearest
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.interface import Tensor

BACKGROUND = "background"


def one_hot(target: Tensor, output: Tensor) -> Tensor:
    """Class numbers `(batch, height, width, 1)` as `(batch, height, width, 1 + class)` of 0, 1."""
    return ops.one_hot(ops.cast(target[..., 0], "int32"), output.shape[-1], dtype="float32")


def weights_of_classes(weights: Mapping[str, float], taxonomy: Taxonomy) -> np.ndarray:
    """Weight of the background and each class, `(1 + class,)` float32, 1 where none is stated.

    Args:
        weights: By the name of a class, of one that it is part of (its own counts first), or
            `background`.
        taxonomy: The class tree.

    Raises:
        ConfigError: A weight is not positive, or its name says nothing at the level of training.
    """
    known = {name for label in taxonomy.names for name in taxonomy.path(label)}
    for name, weight in weights.items():
        if name not in known | {BACKGROUND}:
            raise ConfigError(
                f"`class_weights` names {name!r}, which is no class at level {taxonomy.level} of "
                f"the taxonomy or above.{nearest(name, known)} Choose among {BACKGROUND}, "
                f"{', '.join(sorted(known))}."
            )
        if not weight > 0:
            raise ConfigError(
                f"`class_weights.{name}` must be above 0. Received: {weight}. To leave a class "
                "out, take it from the taxonomy."
            )
    found = [weights.get(BACKGROUND, 1.0)]
    for label in taxonomy.names:
        stated = [weights[name] for name in taxonomy.path(label) if name in weights]
        found.append(stated[-1] if stated else 1.0)
    return np.array(found, np.float32)


def tversky_index(
    truth: Tensor, scores: Tensor, *, false_weight: float, missed_weight: float, smooth_px: float
) -> Tensor:
    """Soft share of what is right in what is right, false or missed, `(class,)`.

    The sums go over the batch, or a window without any object would have none.

    Args:
        truth: `(batch, height, width, class)` of 0 and 1.
        scores: `(batch, height, width, class)` in [0, 1].
        false_weight: Of pixels that are found and not there.
        missed_weight: Of pixels that are there and not found.
        smooth_px: Added to both sides of the fraction, so that nothing found where nothing is
            counts as right.
    """
    right = ops.sum(scores * truth, axis=(0, 1, 2))
    false = ops.sum(scores * (1.0 - truth), axis=(0, 1, 2))
    missed = ops.sum((1.0 - scores) * truth, axis=(0, 1, 2))
    wrong = false_weight * false + missed_weight * missed
    return (right + smooth_px) / (right + wrong + smooth_px)


def for_each_window(value: Tensor, target: Tensor) -> Tensor:
    """One number of the batch as the loss of each window, `(batch,)`."""
    return ops.broadcast_to(value, ops.shape(target)[:1])
