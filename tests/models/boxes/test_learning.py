"""Box models find what they have not seen before, after a short training."""

import keras
import numpy as np
import pytest
from keras import ops
from skimage.draw import polygon

from factory_core.dataset.sample import OrientedBoxes, stack_boxes
from tests.models.compose import model_from_yaml

SIDE, OBJECTS, BATCH, STEPS = 64, 3, 8, 80


def window(generator, *, form):
    """Bright rectangles in every direction on noise, and their labels."""
    image = generator.normal(scale=0.3, size=(SIDE, SIDE, 3)).astype(np.float32)
    x, y = generator.uniform(12, SIDE - 12, (2, OBJECTS))
    length, width = generator.uniform(14, 20, OBJECTS), generator.uniform(6, 9, OBJECTS)
    angle = generator.uniform(-np.pi / 2, np.pi / 2, OBJECTS)
    boxes = np.stack([x, y, length, width, angle], axis=-1).astype(np.float32)
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 100 * np.tri(OBJECTS)
    boxes = boxes[apart.min(axis=1) > 18]
    labels = OrientedBoxes(boxes, np.zeros(len(boxes), np.int64))
    corners = labels.corners_px()
    for corner in corners:
        image[polygon(corner[:, 1], corner[:, 0], (SIDE, SIDE))] += 2.0
    if form == "boxes":
        upright = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return image, stack_boxes(upright.tolist(), labels.classes.tolist())
    return image, labels


def windows(generator, count, *, form):
    images, labels = zip(*(window(generator, form=form) for _ in range(count)), strict=True)
    return np.stack(images), list(labels)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcos", "oriented_fcos"])
def test_finds_what_it_has_not_seen(name):
    keras.utils.set_random_seed(0)
    model = model_from_yaml(name, "encoder.width=8", "model.width=16", "model.max_boxes=100")
    image = keras.Input((SIDE, SIDE, 3))
    network = keras.Model(image, model.network(image, num_classes=1))
    network.compile(optimizer=keras.optimizers.AdamW(5e-3), loss=model.loss)
    generator = np.random.default_rng(0)
    for _ in range(STEPS):
        images, labels = windows(generator, BATCH, form=model.form)
        network.train_on_batch(images, model.encode(labels, shape=(SIDE, SIDE), num_classes=1))
    images, labels = windows(np.random.default_rng(1), 16, form=model.form)
    assert sum(map(len, labels)) > 16
    outputs = model.decode(ops.convert_to_tensor(network.predict_on_batch(images)))
    found = {key: np.asarray(value) for key, value in outputs.items()}
    assert model.measure(labels, found) > 0.5
