"""The U-Net of segmodels_keras as an architecture of a detector, to compare ours with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import segmodels_keras

from factory_core.models.interface import ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class SegmodelsUNet(ScoreMapModel):
    """`segmodels_keras.Unet` as it comes, without pretrained weights.

    Args:
        loss: What training makes small.
        backbone: Name of its encoder.
    """

    loss: ScoreMapLoss
    backbone: str = "resnet18"

    @property
    def divisor_px(self) -> int:
        """Its encoders shrink an image five times."""
        return 32

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        unet = segmodels_keras.Unet(
            self.backbone,
            input_shape=image.shape[1:],
            classes=1 + num_classes,
            activation="linear",
            encoder_weights=None,
        )
        return unet(image)

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Starts from noise: its weights would have to be downloaded."""
        del network, bands
