"""Focal loss of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keras import ops

from factory_core.kernel.limits import check_at_least
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.cross_entropy import pixel_entropy
from factory_core.models.losses.pixels import one_hot, weights_of_classes


@dataclass(frozen=True)
class Focal(ScoreMapLoss):
    """Cross-entropy that counts a pixel the less, the surer it is right.

    Lin et al. 2017, https://arxiv.org/abs/1708.02002, equation 5; differs from the paper: the
    classes exclude each other, so it is of their softmax.

    Args:
        taxonomy: The class tree.
        class_weights: Of classes by name, and of `background` (alpha in the paper); 1 where
            none is stated.
        focus: Power of the doubt (gamma in the paper); 0 is cross-entropy.
    """

    taxonomy: Taxonomy
    class_weights: Mapping[str, float] = field(default_factory=dict)
    focus: float = 2.0

    def __post_init__(self) -> None:
        weights_of_classes(self.class_weights, self.taxonomy)
        check_at_least(0, focus=self.focus)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        truth = one_hot(target, output)
        weights = weights_of_classes(self.class_weights, self.taxonomy)
        entropy = pixel_entropy(truth, output)
        # Not below a millionth: a broken power of 0 has no gradient.
        doubt = ops.maximum(-ops.expm1(-entropy), 1e-6)
        weight = ops.sum(truth * weights, axis=-1) * doubt**self.focus
        return ops.mean(weight * entropy, axis=(1, 2))
