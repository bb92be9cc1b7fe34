"""Losses of the classes of boxes: each class has its own score, and most rows have none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from keras import ops

from factory_core.kernel.limits import check_above, check_at_least, check_within
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.interface import Tensor
from factory_core.models.losses.box_parts import ClassLoss
from factory_core.models.losses.hierarchy import ancestors, level_weights

LOWEST_LOGIT = -80.0  # whose exponential is still a number


def entropy(truth: Tensor, logits: Tensor) -> Tensor:
    """Binary cross-entropy of each number; `truth` in [0, 1]."""
    return ops.softplus(logits) - truth * logits


@dataclass(frozen=True)
class CrossEntropy(ClassLoss):
    """Binary cross-entropy, the class of a row counting as far as its box is right.

    As in YOLOX (Ge et al. 2021, https://arxiv.org/abs/2107.08430).
    """

    def __call__(self, truth: Tensor, logits: Tensor, *, quality: Tensor) -> Tensor:
        """Loss of each row."""
        return ops.sum(entropy(truth * quality, logits), axis=-1)


@dataclass(frozen=True)
class Focal(ClassLoss):
    """Focal loss (Lin et al. 2017, https://arxiv.org/abs/1708.02002): hard rows count most.

    Args:
        share: Weight of rows with an object; those without have the rest of 1.
        focus: Power that turns the attention from easy rows to hard ones.
    """

    share: float = 0.25
    focus: float = 2.0

    def __post_init__(self) -> None:
        check_within(0, 1, without=(0, 1), share=self.share)
        check_at_least(0, focus=self.focus)

    def __call__(self, truth: Tensor, logits: Tensor, *, quality: Tensor) -> Tensor:
        """Loss of each row."""
        del quality  # an object is an object
        miss = ops.abs(truth - ops.sigmoid(logits))
        weight = truth * self.share + (1.0 - truth) * (1.0 - self.share)
        return ops.sum(weight * miss**self.focus * entropy(truth, logits), axis=-1)


@dataclass(frozen=True)
class QualityFocal(ClassLoss):
    """Focal loss whose truth is the IoU of the box, so that scores say how well it lies.

    Li et al. 2020, https://arxiv.org/abs/2006.04388, equation 2.

    Args:
        focus: Power that turns the attention from easy rows to hard ones.
    """

    focus: float = 2.0

    def __post_init__(self) -> None:
        check_at_least(0, focus=self.focus)

    def __call__(self, truth: Tensor, logits: Tensor, *, quality: Tensor) -> Tensor:
        """Loss of each row."""
        truth = truth * quality
        miss = ops.abs(truth - ops.sigmoid(logits))
        return ops.sum(miss**self.focus * entropy(truth, logits), axis=-1)


@dataclass(frozen=True)
class Varifocal(ClassLoss):
    """Only rows without an object count less where easy; the others by their IoU.

    Zhang et al. 2021, https://arxiv.org/abs/2008.13367, equation 2.

    Args:
        share: Weight of rows without an object.
        focus: Power that turns the attention from easy rows to hard ones.
    """

    share: float = 0.75
    focus: float = 2.0

    def __post_init__(self) -> None:
        check_above(0, share=self.share)
        check_at_least(0, focus=self.focus)

    def __call__(self, truth: Tensor, logits: Tensor, *, quality: Tensor) -> Tensor:
        """Loss of each row."""
        wanted = truth * quality
        empty = self.share * ops.sigmoid(logits) ** self.focus
        weight = wanted + (1.0 - truth) * empty
        return ops.sum(weight * entropy(wanted, logits), axis=-1)


@dataclass(frozen=True)
class Hierarchical(ClassLoss):
    """Focal loss at every level of the class tree.

    An ancestor is found as far as any of its classes is: 1 - product of (1 - score). So a jet
    taken for a propeller plane costs less than a jet taken for a ship, and scores of classes
    that look alike back each other. Levels are weighed as Bertinetto et al. 2020
    (https://arxiv.org/abs/1912.09393) weigh mistakes by how far up the tree they are.

    Args:
        taxonomy: The class tree; its level is that of the finest classes.
        coarse_weight: Weight of a level against the next finer one; 0 is the plain focal loss,
            above 1 the roots count most. The weights add up to 1.
        share: As in the focal loss.
        focus: As in the focal loss.
    """

    taxonomy: Taxonomy
    coarse_weight: float = 1.0
    share: float = 0.25
    focus: float = 2.0

    def __post_init__(self) -> None:
        Focal(self.share, self.focus)
        check_at_least(0, coarse_weight=self.coarse_weight)

    def __call__(self, truth: Tensor, logits: Tensor, *, quality: Tensor) -> Tensor:
        """Loss of each row."""
        focal = Focal(self.share, self.focus)
        levels = ancestors(self.taxonomy)
        *weights, finest = level_weights(len(levels), coarse_weight=self.coarse_weight)
        loss = finest * focal(truth, logits, quality=quality)
        for weight, level in zip(weights, levels[:-1], strict=True):
            of_level = logits_of_ancestors(logits, level)
            loss = loss + weight * focal(ops.matmul(truth, level), of_level, quality=quality)
        return loss


def logits_of_ancestors(logits: Tensor, level: np.ndarray) -> Tensor:
    """Logits of "any of its classes" for each class of a level.

    Args:
        logits: `(batch, row, class)`.
        level: `(class, class of the level)` of 0 and 1.
    """
    # With the odds o of each class, those of any are product(1 + o) - 1: nearly sum(o) when small.
    total = ops.matmul(ops.softplus(logits), level)
    few = total < 1e-3
    small = ops.log(ops.matmul(ops.exp(ops.clip(logits, LOWEST_LOGIT, 0.0)), level))
    safe = ops.where(few, 1.0, total)
    return ops.where(few, small, safe + ops.log1p(-ops.exp(-safe)))
