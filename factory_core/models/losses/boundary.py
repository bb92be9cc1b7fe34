"""Boundary loss: outlines that lie where they should."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.pixels import for_each_window, one_hot


@dataclass(frozen=True)
class Boundary(ScoreMapLoss):
    """One minus the F1 of boundary pixels, mean over the classes.

    Bokhovkin and Burnaev 2019, https://arxiv.org/abs/1905.07852, made for remote sensing: soft
    boundaries by maxima over neighbours, right where they are near enough to each other.
    Differs from the paper: the background does not count, the sums go over the batch, and one
    pixel is added to both sides of each fraction, so that a class without outlines is right
    when none is found. Alone it does not learn areas: put it beside a cross-entropy or Dice.

    Args:
        tolerance_px: How far an outline may be from the labelled one.
    """

    tolerance_px: int = 2

    def __post_init__(self) -> None:
        check_at_least(1, tolerance_px=self.tolerance_px)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        truth = _outlines(one_hot(target, output)[..., 1:])
        found = _outlines(ops.softmax(output, axis=-1)[..., 1:])
        precision = self._share_near(found, truth)
        recall = self._share_near(truth, found)
        f1 = 2.0 * precision * recall / (precision + recall)
        return for_each_window(ops.mean(1.0 - f1), target)

    def _share_near(self, outlines: Tensor, others: Tensor) -> Tensor:
        """Share of `outlines` that is near `others`, `(class,)`, above 0."""
        wide = ops.max_pool(others, 2 * self.tolerance_px + 1, strides=1, padding="same")
        near = ops.sum(outlines * wide, axis=(0, 1, 2))
        return (near + 1.0) / (ops.sum(outlines, axis=(0, 1, 2)) + 1.0)


def _outlines(scores: Tensor) -> Tensor:
    """How much each pixel is of its class while a neighbour is not, in [0, 1]."""
    outside = 1.0 - scores
    return ops.max_pool(outside, 3, strides=1, padding="same") - outside
