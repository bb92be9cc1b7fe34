"""Tversky loss of classes."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.kernel.limits import check_above
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.pixels import for_each_window, one_hot, tversky_index


@dataclass(frozen=True)
class Tversky(ScoreMapLoss):
    """One minus the Tversky index, mean over the classes: Dice that may prefer to find all.

    Salehi et al. 2017, https://arxiv.org/abs/1706.05721; with a `focus` other than 1 the focal
    one (Abraham and Khan 2018, https://arxiv.org/abs/1810.07842). Differs from the papers: the
    background does not count, and the sums go over the batch.

    Args:
        missed_weight: Of pixels that are there and not found (beta in the paper).
        false_weight: Of pixels that are found and not there (alpha in the paper).
        focus: Power of each class' loss; above 1 turns to the classes that are found badly.
        smooth_px: Added to both sides of the fraction, in pixels; steadies classes of few.
    """

    missed_weight: float = 0.7
    false_weight: float = 0.3
    focus: float = 1.0
    smooth_px: float = 1.0

    def __post_init__(self) -> None:
        check_above(
            0,
            missed_weight=self.missed_weight,
            false_weight=self.false_weight,
            focus=self.focus,
            smooth_px=self.smooth_px,
        )

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
            false_weight=self.false_weight,
            missed_weight=self.missed_weight,
            smooth_px=self.smooth_px,
        )
        # Not below a millionth: a broken power of 0 has no gradient.
        classes = ops.maximum(1.0 - index, 1e-6) ** self.focus
        return for_each_window(ops.mean(classes), target)
