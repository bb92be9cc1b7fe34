"""Soft Dice of classes."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.kernel.limits import check_above
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.pixels import for_each_window, one_hot, tversky_index


@dataclass(frozen=True)
class Dice(ScoreMapLoss):
    """One minus the soft Dice coefficient, mean over the classes.

    Milletari et al. 2016, https://arxiv.org/abs/1606.04797. Differs from the paper: scores are
    not squared, the background does not count, and the sums go over the batch.

    Args:
        smooth_px: Added to both sides of the fraction, in pixels; steadies classes of few.
    """

    smooth_px: float = 1.0

    def __post_init__(self) -> None:
        check_above(0, smooth_px=self.smooth_px)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        truth, scores = one_hot(target, output), ops.softmax(output, axis=-1)
        index = tversky_index(
            truth[..., 1:],
            scores[..., 1:],
            false_weight=0.5,
            missed_weight=0.5,
            smooth_px=self.smooth_px / 2,
        )
        return for_each_window(ops.mean(1.0 - index), target)
