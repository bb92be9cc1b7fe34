"""Oriented RetinaNet: upright anchors of several shapes that move, grow and turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras import ops

from factory_core.dataset.sample import Form
from factory_core.models.boxes.anchor_model import AnchorModel, moved, sized
from factory_core.models.boxes.oriented import canonical
from factory_core.models.boxes.rows import best, split
from factory_core.models.interface import OrientedAnchorLoss, Task, Tensor


@dataclass(frozen=True, kw_only=True)
class OrientedRetinaNet(AnchorModel):
    """RetinaNet whose anchors turn as well.

    RetinaNet (Lin et al. 2017, https://arxiv.org/abs/1708.02002) for oriented boxes, as the
    baseline of DOTA (Ding et al. 2021, https://arxiv.org/abs/2102.12219) and MMRotate (Zhou et
    al. 2022, https://arxiv.org/abs/2204.13317) have it: anchors are upright, and assigned by
    their overlap with the turned labels. Differs: as our `retinanet` does from its paper;
    boxes are compared as Gaussians.

    Args:
        loss: What training makes small. The other fields are those of `AnchorModel`.
    """

    task: ClassVar[Task] = "oriented_boxes"
    form: ClassVar[Form] = "oriented_boxes"
    numbers: ClassVar[int] = 5

    loss: OrientedAnchorLoss

    def boxes(self, raw: Tensor, place: Tensor, sizes: Tensor) -> Tensor:
        """Moved, grown and turned anchors: centre, sides and angle."""
        centre, sides = moved(raw[..., :2], place, sizes), sized(raw[..., 2:4], sizes)
        return ops.concatenate([centre, sides, raw[..., 4:5]], axis=-1)

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 5)`, `scores`, `classes`."""
        found = split(output, box=5)
        outputs = best(found.boxes, ops.sigmoid(found.logits), most=self.max_boxes)
        return outputs | {"boxes": canonical(outputs["boxes"])}
