"""What every loss of boxes promises, for each YAML in `conf/loss/` of that kind and its parts."""

import numpy as np
import pytest
from keras import ops

from factory_core.dataset.sample import OrientedBoxes, stack_boxes
from factory_core.kernel.parts import list_parts
from factory_core.models.interface import (
    AnchorLoss,
    AssigningLoss,
    CentreLoss,
    DistributionLoss,
    GaussianLoss,
    OrientedAnchorLoss,
    OrientedPointLoss,
    PointLoss,
)
from factory_core.models.losses.box_parts import UprightBoxLoss
from factory_core.train.reproducible import pin
from tests.models.boxes.perfect import perfect_output, places_of
from tests.models.compose import model_from_yaml
from tests.models.losses import class_of, names_of, value_and_gradient

SIDE = 32
CLASSES = 2
# The architecture that encodes for each kind of loss.
ARCHITECTURES = {
    "centernet": CentreLoss,
    "retinanet": AnchorLoss,
    "fcos": PointLoss,
    "gfl": DistributionLoss,
    "yolox": AssigningLoss,
    "oriented_retinanet": OrientedAnchorLoss,
    "oriented_fcos": OrientedPointLoss,
    "gaussian_fcos": GaussianLoss,
}
UPRIGHT = {
    "empty": [stack_boxes([], []), stack_boxes([], [])],
    "full": [stack_boxes([[0, 0, SIDE, SIDE]], [0]), stack_boxes([[0, 0, SIDE, SIDE]], [1])],
    "mixed": [stack_boxes([[2, 2, 14, 10], [20, 20, 30, 31]], [0, 1]), stack_boxes([], [])],
}


def oriented(rows, classes):
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    return OrientedBoxes(boxes, np.array(classes, np.int64))


TURNED = {
    "empty": [oriented([], []), oriented([], [])],
    "full": [oriented([[16, 16, 32, 32, 0]], [0]), oriented([[16, 16, 32, 32, -1.5]], [1])],
    "mixed": [oriented([[8, 6, 12, 8, 0.4], [25, 25, 12, 10, -1.2]], [0, 1]), oriented([], [])],
}


def cases():
    """Each loss as it is, and the losses of points with every part they can be made of."""
    for architecture, kind in ARCHITECTURES.items():
        for name in names_of(kind):
            yield architecture, (f"loss={name}",)
    for part in list_parts("class_loss"):
        yield slow("fcos", f"class_loss={part.name}")
    for part in list_parts("box_loss"):
        upright = issubclass(class_of(part.target), UprightBoxLoss)
        for name in ["fcos"] if upright else ["oriented_fcos", "gaussian_fcos"]:
            yield slow(name, f"box_loss={part.name}")


def slow(architecture, override):
    """A case of many like it."""
    return pytest.param((architecture, (override,)), marks=pytest.mark.slow)


@pytest.fixture(autouse=True, scope="module")
def _pinned():
    pin(seed=0, threads=2, deterministic=True)


@pytest.fixture(scope="module", params=cases(), ids=lambda case: " ".join([case[0], *case[1]]))
def case(request):
    architecture, overrides = request.param
    return architecture, model_from_yaml(architecture, *overrides)


@pytest.fixture(params=["empty", "full", "mixed"])
def target(request, case):
    _, model = case
    labels = (UPRIGHT if model.form == "boxes" else TURNED)[request.param]
    return model.encode(labels, shape=(SIDE, SIDE), num_classes=CLASSES)


def truth(case, target):
    """What a network gives that has learnt the target by heart."""
    name, model = case
    if name != "centernet":
        return perfect_output(name, model, target, shape=(SIDE, SIDE), num_classes=CLASSES)
    heat = np.where(target[..., :CLASSES] >= 1, 20.0, -20.0)
    return np.concatenate([heat, target[..., -5:-1]], axis=-1).astype(np.float32)


def saturated(case, output, number):
    """Every number of an output as far out as it can be."""
    name, model = case
    output = np.full_like(output, number)
    if name == "centernet":
        output[..., -4:] = abs(number) if number else 1e-6
        return output
    output[..., :3] = places_of(model, (SIDE, SIDE))
    if name == "gaussian_fcos":
        output[..., 3:8] = [0, 0, number**2, number**2 / 2, 0]
    return output


def test_is_finite_with_finite_gradients(case, target):
    right = truth(case, target)
    outputs = [saturated(case, right, number) for number in (-1e4, -30.0, 0.0, 30.0, 1e4)]
    for output in [right, *outputs]:
        value, gradient = value_and_gradient(case[1].loss, target, output)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_gives_one_number_a_window(case, target):
    assert ops.shape(case[1].loss(target, truth(case, target))) == (2,)


def test_going_down_the_gradient_makes_it_smaller(case, target):
    output = disturbed(case, truth(case, target), np.random.default_rng(0))
    before, gradient = value_and_gradient(case[1].loss, target, output)
    step = 1e-3 / np.abs(gradient).max()
    after, _ = value_and_gradient(case[1].loss, target, output - step * gradient)
    assert after < before


def test_the_truth_costs_less_than_anything_else(case, target):
    generator = np.random.default_rng(0)
    output = truth(case, target)
    best = float(ops.mean(case[1].loss(target, output)))
    for _ in range(3):
        other = disturbed(case, output, generator)
        assert best < float(ops.mean(case[1].loss(target, other)))


def disturbed(case, output, generator):
    """An output that is wrong in all its numbers."""
    name, _ = case
    noise = generator.uniform(0.5, 1.5, output.shape).astype(np.float32)
    if name == "centernet":
        return output * 0.1 + noise
    other = output * np.float32(0.9) + noise
    other[..., :3] = output[..., :3]
    if name == "gaussian_fcos":
        other[..., 5:7] = output[..., 5:7] * noise[..., 5:7] + 1
        other[..., 7] = output[..., 7] * 0.5
    return other
