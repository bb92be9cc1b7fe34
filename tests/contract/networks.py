"""One small network of each architecture, built once for all tests of a process."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
from omegaconf import OmegaConf

from factory_core.dataset.sample import OrientedBoxes, stack_boxes
from factory_core.dataset.shards import Stats
from factory_core.kernel import config
from factory_core.kernel.parts import list_parts
from factory_core.models.interface import Model
from factory_core.train.graph import build_deployed, build_network
from tests.models.compose import CLASSES, compose, model_from_yaml

ARCHITECTURES = [part.name for part in list_parts("model")]
SMALLEST_PX = 32


@dataclass(frozen=True)
class Built:
    """A model with the network that is trained and the graph around it that is deployed."""

    model: Model
    side_px: int
    network: keras.Model
    deployed: keras.Model

    def labels(self) -> list[Any]:
        """Of two windows: two objects of two classes in the first, in the second none."""
        return some_labels(self.model, side_px=self.side_px)

    def images(self) -> np.ndarray:
        """Two windows that show what `labels` say, uint8."""
        images = np.full((2, self.side_px, self.side_px, 3), 100, np.uint8)
        images += np.random.default_rng(0).integers(0, 10, images.shape, np.uint8)
        for band, box in enumerate(boxes_px(self.side_px)):
            x_min, y_min, x_max, y_max = box
            images[0, y_min:y_max, x_min:x_max, band] = 250
        return images

    def targets(self) -> np.ndarray:
        """What the loss takes for `labels`."""
        shape = (self.side_px, self.side_px)
        return self.model.encode(self.labels(), shape=shape, num_classes=len(CLASSES))


@cache
def small(name: str) -> Model:
    """The architecture from its YAML alone, with small widths and as few layers as can be."""
    plain = ["block@encoder.bricks.block=plain"] if "encoder" in compose(name) else []
    return model_from_yaml(name, *plain)


def changed(name: str, **fields: Any) -> Model:
    """The architecture as its YAML has it, but for some fields; composed once for all."""
    node = OmegaConf.to_container(compose(name).model)
    return config.build(node | fields, where="model")


@cache
def built(name: str) -> Built:
    """The small model, for three bands."""
    keras.utils.set_random_seed(0)
    model = small(name)
    stats = stats_for(model)
    network = build_network(model, stats)
    return Built(model, stats.window_px, network, build_deployed(network, model, stats))


@cache
def stirred(name: str) -> Built:
    """The same network, every weight moved: what is lost or mixed up must show."""
    found = built(name)
    # Box models begin with scores near 0, where nothing is compared. The deepest score map takes
    # no more than this: its logits would grow into the hundreds, and rounding with them.
    scale = 0.03 if found.model.task == "score_map" else 0.1
    random = np.random.default_rng(0)
    for weight in found.network.trainable_variables:
        weight.assign(weight + random.normal(scale=scale, size=weight.shape))
    return found


def stats_for(model: Model) -> Stats:
    """Windows of three bands that the model takes."""
    return Stats(
        form=model.form,
        bands=("red", "green", "blue"),
        dtype="uint8",
        nodata=None,
        classes=CLASSES,
        resolution_m=0.5,
        window_px=max(model.divisor_px, SMALLEST_PX),
        mean=(105.0,) * 3,
        deviation=(50.0,) * 3,
        windows={"train": 2, "val": 2},
        labelled={"train": 1, "val": 1},
    )


def network_of(
    model: Model, *, bands: int = 3, side_px: int = SMALLEST_PX, weights: bool = True
) -> keras.Model:
    """The trained part alone; for its shapes without weights, which take half the time."""
    with nullcontext() if weights else keras.StatelessScope(initialize_variables=False):
        image = keras.Input((side_px, side_px, bands))
        return keras.Model(image, model.network(image, num_classes=len(CLASSES)))


def boxes_px(side_px: int) -> np.ndarray:
    """Corners of the two objects in the first window."""
    return np.array([[4, 4, 16, 12], [18, 20, 30, 30]]) * side_px // SMALLEST_PX


def some_labels(model: Model, *, side_px: int = SMALLEST_PX) -> list[Any]:
    """Labels of two windows in the form of the model, the second window without any."""
    boxes = boxes_px(side_px)
    if model.form == "boxes":
        return [stack_boxes(boxes.tolist(), [0, 1]), stack_boxes([], [])]
    if model.form == "oriented_boxes":
        x_min, y_min, x_max, y_max = boxes.T
        corners = np.stack(
            [[x_min, y_min], [x_max, y_min], [x_max, y_max], [x_min, y_max]]
        ).transpose(2, 0, 1)
        none = OrientedBoxes.from_corners(np.zeros((0, 4, 2)), np.zeros(0, np.int64))
        return [OrientedBoxes.from_corners(corners, np.arange(2)), none]
    mask = np.zeros((2, side_px, side_px), np.uint8)
    for number, (x_min, y_min, x_max, y_max) in enumerate(boxes, start=1):
        mask[0, y_min:y_max, x_min:x_max] = number
    return list(mask)
