"""What every model promises, tested for each YAML in `conf/model/`."""

import keras
import numpy as np
import pytest
from keras import ops

from factory_core.dataset.sample import OrientedBoxes, stack_boxes
from factory_core.kernel.errors import ConfigError
from factory_core.kernel.parts import list_parts
from factory_core.train.reproducible import pin
from tests.models.compose import model_from_yaml

SIDE = 32
CLASSES = 2


@pytest.fixture(autouse=True)
def _pinned():
    pin(seed=0, threads=2)


@pytest.fixture(params=[part.name for part in list_parts("model")])
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return model_from_yaml(name)


def network(model, *, bands=3, side=SIDE):
    image = keras.Input((side, side, bands))
    return keras.Model(image, model.network(image, num_classes=CLASSES))


def some_labels(model):
    if model.form == "boxes":
        return [stack_boxes([[4, 4, 16, 12], [18, 20, 30, 30]], [0, 1]), stack_boxes([], [])]
    if model.form == "oriented_boxes":
        boxes = np.array([[10, 8, 12, 8, 0], [24, 25, 12, 10, 0]], np.float32)
        return [
            OrientedBoxes(boxes, np.array([0, 1])),
            OrientedBoxes(boxes[:0], np.zeros(0, int)),
        ]
    mask = np.zeros((2, SIDE, SIDE), np.uint8)
    mask[0, 4:12, 4:16], mask[0, 20:30, 18:30] = 1, 2
    return list(mask)


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_outputs_have_the_shape_of_the_contract(model, bands):
    output = network(model, bands=bands)(np.zeros((2, SIDE, SIDE, bands)))
    found = {key: ops.convert_to_numpy(value) for key, value in model.decode(output).items()}
    if model.task == "score_map":
        assert found["scores"].shape == (2, SIDE, SIDE, CLASSES)
        assert list(found) == ["scores"]
    else:
        count = found["scores"].shape[1]
        assert found["boxes"].shape == (2, count, 4 if model.task == "boxes" else 5)
        assert found["classes"].shape == (2, count)
        assert found["classes"].dtype == np.int32
        assert set(np.unique(found["classes"])) <= set(range(CLASSES))
        assert (np.diff(found["scores"]) <= 0).all()
    assert found["scores"].dtype == np.float32
    assert found["scores"].min() >= 0
    assert found["scores"].max() <= 1


def test_loss_takes_what_the_network_and_the_labels_give(model):
    target = model.encode(some_labels(model), shape=(SIDE, SIDE), num_classes=CLASSES)
    output = network(model)(np.zeros((2, SIDE, SIDE, 3)))
    loss = ops.convert_to_numpy(model.loss(target, output))
    assert loss.shape == (2,)
    assert np.isfinite(loss).all()


def test_is_the_same_for_the_same_seed(model):
    weights = []
    for _ in range(2):
        pin(seed=3, threads=2)
        weights.append(network(model).get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.slow
def test_learns_one_window_by_heart(model):
    """The whole of a model: targets, loss, network and decoding fit each other."""
    image = np.zeros((2, SIDE, SIDE, 3), np.float32)
    image[0, 4:12, 4:16, 0] = image[0, 20:30, 18:30, 1] = 3.0
    labels = some_labels(model)
    target = model.encode(labels, shape=(SIDE, SIDE), num_classes=CLASSES)
    trained = network(model)
    trained.compile(optimizer=keras.optimizers.AdamW(1e-2), loss=model.loss)
    for _ in range(120):
        trained.train_on_batch(image, target)
    outputs = model.decode(ops.convert_to_tensor(trained.predict_on_batch(image)))
    found = {key: ops.convert_to_numpy(value) for key, value in outputs.items()}
    assert model.measure(labels, found) > 0.8


def test_measure_goes_from_nothing_to_all(model):
    labels = some_labels(model)
    if model.task == "score_map":
        right = np.eye(CLASSES + 1, dtype=np.float32)[np.stack(labels)][..., 1:]
        wrong = {"scores": np.zeros_like(right)}
        perfect = {"scores": right}
    else:
        boxes = labels[0].xyxy_px if model.task == "boxes" else labels[0].xylwa
        perfect = {
            "boxes": np.stack([boxes, boxes]),
            "scores": np.array([[0.9, 0.8], [0.0, 0.0]], np.float32),
            "classes": np.array([[0, 1], [0, 0]]),
        }
        wrong = perfect | {"boxes": perfect["boxes"] + 100}
    assert model.measure(labels, perfect) == 1
    assert model.measure(labels, wrong) == 0


def test_refuses_a_loss_of_another_kind(name):
    other = {"mask": "centre_focal"}.get(model_from_yaml(name).form, "cross_entropy_dice")
    with pytest.raises(ConfigError, match=r"model\.loss.*Received"):
        model_from_yaml(name, f"loss={other}")


@pytest.mark.parametrize("field", ["width", "depth"])
def test_width_and_depth_change_its_size(name, field):
    sizes = [
        network(model_from_yaml(name, f"model.{field}={number}")).count_params()
        for number in (4, 8)
    ]
    assert sizes[0] < sizes[1]
    with pytest.raises(ConfigError, match=f"{field}=0"):
        model_from_yaml(name, f"model.{field}=0")
