"""Cross-entropy at every level of the class tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.hierarchy import ancestors, level_weights, with_background
from factory_core.models.losses.pixels import one_hot


@dataclass(frozen=True)
class Hierarchical(ScoreMapLoss):
    """A jet taken for a propeller plane costs less than a jet taken for a ship.

    The score of a class is the sum of those of its children, as in YOLO9000 (Redmon and
    Farhadi 2017, https://arxiv.org/abs/1612.08242); the cross-entropy of every level is added
    up by weights, as Bertinetto et al. 2020 (https://arxiv.org/abs/1912.09393) weigh mistakes
    by how far up the tree they are. Differs from both: one softmax over the finest classes
    and the background, and the scores of ancestors themselves, not given their parents.

    Args:
        taxonomy: The class tree; its level is that of the finest classes.
        coarse_weight: Weight of a level against the next finer one; 0 is the plain
            cross-entropy, above 1 the roots count most. The weights add up to 1.
    """

    taxonomy: Taxonomy
    coarse_weight: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(0, coarse_weight=self.coarse_weight)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        truth = one_hot(target, output)
        levels = [with_background(matrix) for matrix in ancestors(self.taxonomy)]
        weights = level_weights(len(levels), coarse_weight=self.coarse_weight)
        entropy = sum(
            weight * _entropy_of_ancestors(truth, output, level @ level.T)
            for weight, level in zip(weights, levels, strict=True)
        )
        return ops.mean(entropy, axis=(1, 2))


def _entropy_of_ancestors(truth: Tensor, output: Tensor, related: np.ndarray) -> Tensor:
    """Minus the logarithm of the summed scores of all classes `related` to the true one.

    Args:
        truth: `(batch, height, width, 1 + class)` of 0 and 1.
        output: Logits of the same shape.
        related: `(1 + class, 1 + class)`, 1 where two classes have the same ancestor.
    """
    others = 1.0 - ops.matmul(truth, related)
    # As far below any logit as float32 still adds up, so that no logarithm of 0 is taken.
    kin = ops.logsumexp(output - 1e9 * others, axis=-1)
    return ops.logsumexp(output, axis=-1) - kin
