"""The usual loss of score maps."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.cross_entropy import pixel_entropy
from factory_core.models.losses.dice import Dice
from factory_core.models.losses.pixels import one_hot


@dataclass(frozen=True)
class CrossEntropyDice(ScoreMapLoss):
    """Cross-entropy of the pixels plus soft Dice of the classes.

    What `weighted_sum` does by default, with one figure to set.

    Args:
        dice_weight: Weight of Dice against cross-entropy; more finds rarer classes.
    """

    dice_weight: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(0, dice_weight=self.dice_weight)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        entropy = ops.mean(pixel_entropy(one_hot(target, output), output), axis=(1, 2))
        return entropy + self.dice_weight * Dice()(target, output)
