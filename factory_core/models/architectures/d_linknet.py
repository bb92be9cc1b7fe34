"""A LinkNet whose centre sees far: image to score map."""

from __future__ import annotations

from dataclasses import dataclass

from keras import layers

from factory_core.kernel.limits import check_at_least
from factory_core.models.bricks.interface import Bricks, Skip, Upsampling
from factory_core.models.decoders import link
from factory_core.models.head import score_head
from factory_core.models.interface import Encoder, ScoreMapLoss, Tensor
from factory_core.models.score_map import ScoreMapModel


@dataclass(frozen=True)
class DLinkNet(ScoreMapModel):
    """LinkNet with blocks of growing dilation at its coarsest map, each step's result summed.

    D-LinkNet (Zhou et al. 2018, https://doi.org/10.1109/CVPRW.2018.00034), first of the road
    task of DeepGlobe. Differs from the paper: any encoder and block, and as `linknet` differs
    from its own.

    Args:
        encoder: What sees the image.
        loss: What training makes small.
        bricks: What centre and decoder are made of.
        skip: Joins decoder and encoder; the paper adds.
        upsampling: Makes the maps of the decoder finer.
        dilations: Of the blocks of the centre, one after the other. The paper's, for windows
            of 1024 px and a coarsest map of 32; together they should not see past that map.
        width: Channels from the last skip to the logits; before it there are as many as the
            encoder has.
        depth: Blocks of the decoder at each level.
    """

    encoder: Encoder
    loss: ScoreMapLoss
    bricks: Bricks
    skip: Skip
    upsampling: Upsampling
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    width: int = 32
    depth: int = 1

    def __post_init__(self) -> None:
        check_at_least(1, dilations=self.dilations, width=self.width, depth=self.depth)

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to logits `(batch, height, width, 1 + class)`, background first."""
        *fine, coarsest = self.encoder.features(image)
        x = link(
            [*fine, self._centre(coarsest)],
            self.width,
            depth=self.depth,
            bricks=self.bricks,
            skip=self.skip,
            upsampling=self.upsampling,
        )
        return score_head(x, num_classes=num_classes)

    def _centre(self, x: Tensor) -> Tensor:
        """`x` plus what each block of the cascade makes of it."""
        found = [x]
        for number, dilation in enumerate(self.dilations, start=1):
            name = f"centre_{number}"
            found.append(
                self.bricks.block(
                    found[-1], x.shape[-1], bricks=self.bricks, name=name, dilation=dilation
                )
            )
        return layers.Add(name="centre")(found)
