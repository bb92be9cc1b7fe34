"""Lovász-softmax: IoU itself, made smooth."""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.losses.pixels import for_each_window, one_hot


@dataclass(frozen=True)
class Lovasz(ScoreMapLoss):
    """The Lovász extension of one minus IoU, mean over the classes that are labelled.

    Berman et al. 2018, https://arxiv.org/abs/1705.08790, with the background as a class and the
    pixels of the batch as one set, as in their code. It says nothing of classes that the batch
    has no label of, and knows how to order pixels, not how sure to be: put it beside a
    cross-entropy.
    """

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`.

        Args:
            target: `(batch, height, width, 1)` class numbers, 0 for background.
            output: `(batch, height, width, 1 + class)` logits.
        """
        classes = output.shape[-1]
        truth = ops.transpose(ops.reshape(one_hot(target, output), (-1, classes)))
        scores = ops.transpose(ops.reshape(ops.softmax(output, axis=-1), (-1, classes)))
        errors = ops.abs(truth - scores)
        order = ops.argsort(-errors, axis=-1)
        errors = ops.take_along_axis(errors, order, axis=-1)
        steps = _steps_of_jaccard(ops.take_along_axis(truth, order, axis=-1))
        found = ops.sum(errors * steps, axis=-1)
        labelled = ops.cast(ops.any(truth > 0, axis=-1), "float32")
        return for_each_window(ops.sum(found * labelled) / ops.sum(labelled), target)


def _steps_of_jaccard(truth: Tensor) -> Tensor:
    """What each further wrong pixel adds to one minus IoU, `(class, pixel)`.

    Args:
        truth: `(class, pixel)` of 0 and 1, the pixels in the order in which they go wrong.
    """
    total = ops.sum(truth, axis=-1, keepdims=True)
    left = total - ops.cumsum(truth, axis=-1)
    union = total + ops.cumsum(1.0 - truth, axis=-1)
    jaccard = 1.0 - left / union
    return ops.concatenate([jaccard[:, :1], jaccard[:, 1:] - jaccard[:, :-1]], axis=-1)
