"""A U-Net over any encoder: image to score map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from keras import layers, ops

from factory_core.models.blocks import conv_norm_relu, head
from factory_core.models.interface import Encoder, Model, ScoreMapLoss, Tensor
from factory_core.models.measure import mean_iou


@dataclass(frozen=True)
class UNet(Model):
    """Encoder and decoder with skips (Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597).

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        width: Channels of the decoder at the full resolution; every coarser level doubles
            them, up to eight times.
        depth: Convolutions of the decoder at each level.
    """

    task: ClassVar[Literal["score_map", "boxes"]] = "score_map"
    form: ClassVar[Literal["mask", "boxes"]] = "mask"

    encoder: Encoder
    loss: ScoreMapLoss
    width: int = 16
    depth: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.depth < 1:
            raise ValueError(
                "`width` and `depth` must be at least 1. "
                f"Received: width={self.width}, depth={self.depth}."
            )

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        skips = [image, *self.encoder.features(image)]
        x = skips.pop()
        while skips:
            level = len(skips) - 1
            channels = self.width * 2 ** min(level, 3)
            x = layers.UpSampling2D(2, name=f"decoder_{level}_up")(x)
            x = layers.Concatenate(name=f"decoder_{level}_join")([x, skips.pop()])
            for number in range(1, self.depth + 1):
                x = conv_norm_relu(x, channels, name=f"decoder_{level}_{number}")
        return head(x, 1 + num_classes, name="logits")

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
