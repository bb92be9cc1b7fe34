"""The usual loss of score maps."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.models.interface import ScoreMapLoss, Tensor


@dataclass(frozen=True)
class CrossEntropyDice(ScoreMapLoss):
    """Cross-entropy of the pixels plus soft Dice of the classes.

    Dice (Milletari et al. 2016, https://arxiv.org/abs/1606.04797) is taken over the batch,
    or a window without any object would have none.

    Args:
        dice_weight: Weight of Dice against cross-entropy; more finds rarer classes.
    """

    dice_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.dice_weight < 0:
            raise ValueError(f"`dice_weight` must be at least 0. Received: {self.dice_weight}.")

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        truth = ops.one_hot(ops.cast(target[..., 0], "int32"), output.shape[-1], dtype="float32")
        entropy = -ops.sum(truth * ops.log_softmax(output, axis=-1), axis=-1)
        scores, truth = ops.softmax(output, axis=-1)[..., 1:], truth[..., 1:]
        shared = ops.sum(scores * truth, axis=(0, 1, 2))
        both = ops.sum(scores, axis=(0, 1, 2)) + ops.sum(truth, axis=(0, 1, 2))
        dice = ops.mean(1.0 - (2.0 * shared + 1.0) / (both + 1.0))
        return ops.mean(entropy, axis=(1, 2)) + self.dice_weight * dice
