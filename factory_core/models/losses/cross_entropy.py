"""Cross-entropy of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from keras import ops

from factory_core.kernel.limits import check_within
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.pixels import one_hot, weights_of_classes


@dataclass(frozen=True)
class CrossEntropy(ScoreMapLoss):
    """Minus the logarithm of the true class' score, mean over the pixels.

    Args:
        taxonomy: The class tree.
        class_weights: Of classes by name, and of `background`; 1 where none is stated.
        smoothing: Share of the truth that is spread over all classes (Szegedy et al. 2016,
            https://arxiv.org/abs/1512.00567), in [0, 1): labels are not always right.
    """

    taxonomy: Taxonomy
    class_weights: Mapping[str, float] = field(default_factory=dict)
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        weights_of_classes(self.class_weights, self.taxonomy)
        check_within(0, 1, without=1, smoothing=self.smoothing)

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        truth = one_hot(target, output)
        weights = weights_of_classes(self.class_weights, self.taxonomy)
        weight = ops.sum(truth * weights, axis=-1)
        entropy = pixel_entropy(truth, output, smoothing=self.smoothing)
        return ops.mean(weight * entropy, axis=(1, 2))


def pixel_entropy(truth: Tensor, output: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of each pixel, `(batch, height, width)`.

    Args:
        truth: `(batch, height, width, 1 + class)` of 0 and 1.
        output: Logits of the same shape.
        smoothing: Share of the truth that is spread over all classes.
    """
    if smoothing:
        truth = truth * (1.0 - smoothing) + smoothing / output.shape[-1]
    return -ops.sum(truth * ops.log_softmax(output, axis=-1), axis=-1)
