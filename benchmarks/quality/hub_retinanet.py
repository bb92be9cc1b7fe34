"""The RetinaNet of keras-hub as an architecture of a detector, to compare ours with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import keras_hub
import numpy as np
from keras import layers, ops
from keras_hub.src.models.retinanet.retinanet_label_encoder import RetinaNetLabelEncoder

from factory_core.dataset.sample import Boxes, Form
from factory_core.models.interface import Loss, Model, Task, Tensor
from factory_core.models.measure import average_precision

BOX = 4
IGNORED, BACKGROUND = -2.0, -1.0


@dataclass(frozen=True)
class HubRetinaNetLoss(Loss):
    """Focal loss of the classes and smooth L1 of the boxes, as keras-hub's documentation has it."""

    def __call__(self, target: Tensor, output: Tensor) -> Tensor:
        """Loss of each window, `(batch,)`, over the boxes of the batch."""
        boxes, labels = target[..., :BOX], target[..., BOX]
        found, logits = output[..., :BOX], output[..., BOX:-BOX]
        positive = ops.cast(labels > BACKGROUND, "float32")
        count = ops.maximum(ops.sum(positive), 1.0)
        truth = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype="float32")
        score = ops.sigmoid(logits)
        right = ops.where(truth > 0, score, 1.0 - score)
        weight = ops.where(truth > 0, 0.25, 0.75) * (1.0 - right) ** 2.0
        entropy = ops.binary_crossentropy(truth, logits, from_logits=True)
        focal = ops.sum(weight * entropy, axis=-1) * ops.cast(labels != IGNORED, "float32")
        error = ops.abs(boxes - found)
        smooth = ops.where(error < 1.0, 0.5 * error**2, error - 0.5)
        each = focal + positive * ops.sum(smooth, axis=-1)
        return ops.cast(ops.shape(target)[0], "float32") * ops.sum(each, axis=1) / count


@dataclass(frozen=True)
class HubRetinaNet(Model):
    """`keras_hub.models.RetinaNetObjectDetector` over a ResNet-18, without a preset.

    Args:
        loss: What training makes small.
        anchor_size: Smallest anchor in pixels of a level; 4 is keras-hub's own.
        max_boxes: Most boxes of a window.
    """

    task: ClassVar[Task] = "boxes"
    form: ClassVar[Form] = "boxes"

    loss: HubRetinaNetLoss
    anchor_size: float = 4.0
    max_boxes: int = 100

    @property
    def divisor_px(self) -> int:
        """Its encoder shrinks an image five times."""
        return 32

    def network(self, image: Tensor, *, num_classes: int) -> Tensor:
        """Image to `(batch, anchor, 4 + class + 4)`: what it learns, and the anchors."""
        shape = image.shape[1:]
        encoder = keras_hub.models.ResNetBackbone(
            input_conv_filters=[64],
            input_conv_kernel_sizes=[7],
            stackwise_num_filters=[64, 128, 256, 512],
            stackwise_num_blocks=[2, 2, 2, 2],
            stackwise_num_strides=[1, 2, 2, 2],
            block_type="basic_block",
            image_shape=shape,
        )
        backbone = keras_hub.models.RetinaNetBackbone(
            image_encoder=encoder, min_level=3, max_level=7, use_p5=False, image_shape=shape
        )
        detector = keras_hub.models.RetinaNetObjectDetector(
            backbone,
            num_classes=num_classes,
            bounding_box_format="xyxy",
            anchor_generator=self._anchors(),
        )
        found = detector(image)
        boxes = found["bbox_regression"]
        anchors = ops.zeros_like(boxes) + self._corners(shape[:2])[None]
        return layers.Concatenate(name="found")([boxes, found["cls_logits"], anchors])

    def encode(
        self, labels: Sequence[Boxes], *, shape: tuple[int, int], num_classes: int
    ) -> np.ndarray:
        """Boxes to `(batch, anchor, 5)`: what its own label encoder makes of them."""
        del num_classes
        most = max(1, *(len(boxes) for boxes in labels))
        corners = np.full((len(labels), most, BOX), -1.0, np.float32)
        classes = np.full((len(labels), most), -1.0, np.float32)
        for row, boxes in enumerate(labels):
            corners[row, : len(boxes)] = boxes.xyxy_px
            classes[row, : len(boxes)] = boxes.classes
        encoder = RetinaNetLabelEncoder(
            self._anchors(), bounding_box_format="xyxy", encoding_format="center_xywh"
        )
        images = np.zeros((len(labels), *shape, 3), np.float32)
        found, numbers = encoder(images=images, gt_boxes=corners, gt_classes=classes)
        numbers = ops.convert_to_numpy(numbers).reshape(len(labels), -1, 1)
        return np.concatenate([ops.convert_to_numpy(found), numbers], axis=-1)

    def decode(self, output: Tensor) -> dict[str, Tensor]:
        """The best boxes of a window, best first."""
        _, anchors, channels = output.shape
        num_classes = channels - 2 * BOX
        scores = ops.sigmoid(output[..., BOX:-BOX])
        count = min(self.max_boxes, anchors * num_classes)
        scores, found = ops.top_k(ops.reshape(scores, (-1, anchors * num_classes)), count)
        places = (found // num_classes)[..., None]
        moved = ops.take_along_axis(output[..., :BOX], places, axis=1)
        anchor = ops.take_along_axis(output[..., -BOX:], places, axis=1)
        sides = anchor[..., 2:] - anchor[..., :2]
        centre = (anchor[..., :2] + anchor[..., 2:]) / 2 + moved[..., :2] * sides
        half = ops.exp(ops.clip(moved[..., 2:], -5.0, 5.0)) * sides / 2
        return {
            "boxes": ops.concatenate([centre - half, centre + half], axis=-1),
            "scores": scores,
            "classes": ops.cast(found % num_classes, "int32"),
        }

    def measure(self, labels: Sequence[Boxes], outputs: dict[str, np.ndarray]) -> float:
        """Average precision of the boxes."""
        return average_precision(labels, outputs)

    def load_pretrained(self, network: Any, *, bands: Sequence[str]) -> None:
        """Starts from noise: its presets would have to be downloaded."""
        del network, bands

    def _anchors(self) -> Any:
        return keras_hub.layers.AnchorGenerator(
            "xyxy",
            min_level=3,
            max_level=7,
            num_scales=3,
            aspect_ratios=[0.5, 1.0, 2.0],
            anchor_size=self.anchor_size,
        )

    def _corners(self, shape: tuple[int, int]) -> np.ndarray:
        """Corners of every anchor of a window, `(anchor, 4)`."""
        images = np.zeros((1, *shape, 3), np.float32)
        levels = self._anchors()(images).values()
        return np.concatenate([keras.ops.convert_to_numpy(level) for level in levels])
