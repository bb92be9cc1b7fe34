"""keras-hub's SegFormer over any encoder: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least, check_within
from factory_core.models.head import score_head
from factory_core.models.hub import HubModel, keras_hub, plain
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class HubSegFormer(HubModel, ScoreMapModel):
    """`keras_hub.models.SegFormerBackbone` with the head of its image segmenter.

    SegFormer (Xie et al. 2021, https://arxiv.org/abs/2105.15203): every scale is projected to
    `width` channels and brought to 1/4 of the sides. Differs from keras-hub's: any encoder,
    whose features of 1/4 and coarser are taken; the logits are float32 and made finer by 4.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        width: Channels of the decoder; B0 and B1 have 256, the others 768.
        dropout: Share of the channels that a step of training leaves out before the head.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    width: int = 256
    dropout: float = 0.1

    def __post_init__(self) -> None:
        check_at_least(1, width=self.width)
        check_within(0, 1, without=1, dropout=self.dropout)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        encoder = self.image_encoder(image)
        coarse = list(encoder.pyramid_outputs.values())[1:]
        # As keras-hub's Mix Transformer names them: P1 has 1/4 of the sides.
        encoder.pyramid_outputs = {f"P{n}": x for n, x in enumerate(coarse, start=1)}
        # Only names of layers are made of them, which must differ.
        encoder.hidden_dims = list(range(1, len(coarse) + 1))
        built = keras_hub().models.SegFormerBackbone(
            image_encoder=encoder, projection_filters=self.width
        )
        x = layers.Dropout(self.dropout, name="dropout")(plain(built)(image))
        x = score_head(x, num_classes=num_classes, name="logits_coarse")
        return layers.UpSampling2D(4, interpolation="bilinear", dtype="float32", name="logits")(x)
