"""RetinaNet: anchors of several shapes on every cell of a pyramid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from keras import ops

from factory_core.dataset.sample import Form
from factory_core.models.boxes.anchor_model import AnchorModel, moved, sized
from factory_core.models.boxes.rows import best, split
from factory_core.models.interface import AnchorLoss, Task, Tensor


@dataclass(frozen=True, kw_only=True)
class RetinaNet(AnchorModel):
    """Classes of all anchors under the focal loss, and how each has to move and grow.

    RetinaNet (Lin et al. 2017, https://arxiv.org/abs/1708.02002). Differs: the pyramid begins
    at `stride_px` and anchors are `anchor_strides` strides wide, so that objects of ten pixels
    have anchors; boxes are learnt by their overlap; heads are as deep as stated, and any brick
    normalises them, where the paper has none.

    Args:
        loss: What training makes small. The other fields are those of `AnchorModel`.
    """

    task: ClassVar[Task] = "boxes"
    form: ClassVar[Form] = "boxes"
    numbers: ClassVar[int] = 4

    loss: AnchorLoss

    def boxes(self, raw: Tensor, place: Tensor, sizes: Tensor) -> Tensor:
        """Moved and grown anchors as `x_min, y_min, x_max, y_max`."""
        centre = moved(raw[..., :2], place, sizes)
        half = sized(raw[..., 2:4], sizes) / 2
        return ops.concatenate([centre - half, centre + half], axis=-1)

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best candidates of a window: `boxes` `(batch, k, 4)`, `scores`, `classes`."""
        found = split(output, box=4)
        return best(found.boxes, ops.sigmoid(found.logits), most=self.max_boxes)
