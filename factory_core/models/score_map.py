"""What all architectures that give score maps share: targets, decoding and measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from keras import layers, ops

from factory_core.dataset.sample import Form
from factory_core.models.head import score_head
from factory_core.models.interface import Model, ScoreMapLoss, Task, Tensor
from factory_core.models.measure import mean_iou


class ScoreMapModel(Model):
    """A model whose network gives logits `(batch, height, width, 1 + class)`, background first."""

    task: ClassVar[Task] = "score_map"
    form: ClassVar[Form] = "mask"

    loss: ScoreMapLoss

    def encode(
        self, labels: Sequence[Any], *, shape: tuple[int, int], num_classes: int
    ) -> np.ndarray:
        """Masks to class numbers `(batch, height, width, 1)` uint8, 0 for background."""
        del shape, num_classes  # a mask says both
        return np.stack(labels)[..., np.newaxis]

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """Logits to `scores` `(batch, height, width, class)`, without the background."""
        return {"scores": ops.softmax(output, axis=-1)[..., 1:]}

    def measure(self, labels: Sequence[Any], outputs: dict[str, np.ndarray]) -> float:
        """Mean IoU of the classes."""
        return mean_iou(np.stack(labels), outputs["scores"])


def full_size_logits(x: Tensor, *, num_classes: int, stride_px: int) -> Tensor:
    """Logits of a map of `1 / stride_px` the sides of the image, brought to its full sides.

    Between the centres of the map's pixels they lie on straight lines, so that a border may
    run through a pixel of the map.
    """
    x = score_head(x, num_classes=num_classes)
    return layers.UpSampling2D(
        stride_px, interpolation="bilinear", dtype="float32", name="logits_full_size"
    )(x)
