"""Losses of score maps against their definitions, written out in NumPy."""

import itertools

import numpy as np
import pytest
from keras import ops
from scipy import ndimage

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.losses.boundary import Boundary
from factory_core.models.losses.cross_entropy import CrossEntropy
from factory_core.models.losses.cross_entropy_dice import CrossEntropyDice
from factory_core.models.losses.dice import Dice
from factory_core.models.losses.focal import Focal
from factory_core.models.losses.hierarchical import Hierarchical
from factory_core.models.losses.lovasz import Lovasz
from factory_core.models.losses.tversky import Tversky
from factory_core.models.losses.weighted_sum import Weighted, WeightedSum
from tests.models.compose import model_from_yaml

TREE = Taxonomy(("air/jet", "air/propeller", "ship"), level=2)
GENERATOR = np.random.default_rng(5)
TARGET = GENERATOR.integers(0, 4, (2, 5, 6, 1)).astype(np.uint8)
LOGITS = GENERATOR.normal(scale=2, size=(2, 5, 6, 4)).astype(np.float32)
SCORES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=-1, keepdims=True)


def of(loss, target=TARGET, logits=LOGITS):
    return np.asarray(loss(target, logits))


def logits_of(mask, *, classes, sure=40.0):
    """What a network gives that is sure of `mask`."""
    return (sure * np.eye(1 + classes, dtype=np.float32)[mask]).astype(np.float32)


def mean_over_pixels(of_pixel):
    """Mean of `of_pixel(true class, scores)` over the pixels of each window."""
    return [
        np.mean(
            [
                of_pixel(int(number), scores)
                for number, scores in zip(mask.ravel(), found.reshape(-1, 4), strict=True)
            ]
        )
        for mask, found in zip(TARGET, SCORES, strict=True)
    ]


def test_cross_entropy():
    wanted = mean_over_pixels(lambda number, scores: -np.log(scores[number]))
    np.testing.assert_allclose(of(CrossEntropy(TREE)), wanted, rtol=1e-5)


def test_cross_entropy_weighs_classes_by_name_and_by_ancestor():
    loss = CrossEntropy(TREE, class_weights={"background": 0.1, "air": 2.0, "propeller": 3.0})
    weights = [0.1, 2.0, 3.0, 1.0]
    wanted = mean_over_pixels(lambda number, scores: -weights[number] * np.log(scores[number]))
    np.testing.assert_allclose(of(loss), wanted, rtol=1e-5)


def test_smoothing_spreads_the_truth():
    wanted = mean_over_pixels(
        lambda number, scores: -0.8 * np.log(scores[number]) - 0.2 * np.log(scores).mean()
    )
    np.testing.assert_allclose(of(CrossEntropy(TREE, smoothing=0.2)), wanted, rtol=1e-5)


@pytest.mark.parametrize("focus", [0.0, 0.5, 2.0])
def test_focal(focus):
    wanted = mean_over_pixels(
        lambda number, scores: -((1 - scores[number]) ** focus) * np.log(scores[number])
    )
    np.testing.assert_allclose(of(Focal(TREE, focus=focus)), wanted, rtol=1e-4)


def test_dice():
    wanted = []
    for number in (1, 2, 3):
        truth, found = TARGET[..., 0] == number, SCORES[..., number]
        wanted.append(1 - (2 * found[truth].sum() + 1) / (found.sum() + truth.sum() + 1))
    np.testing.assert_allclose(of(Dice()), [np.mean(wanted)] * 2, rtol=1e-5)


def test_tversky():
    wanted = []
    for number in (1, 2, 3):
        truth, found = TARGET[..., 0] == number, SCORES[..., number]
        right, false, missed = found[truth].sum(), found[~truth].sum(), (1 - found[truth]).sum()
        wanted.append((1 - (right + 2) / (right + 0.8 * missed + 0.1 * false + 2)) ** 1.5)
    loss = Tversky(missed_weight=0.8, false_weight=0.1, focus=1.5, smooth_px=2.0)
    np.testing.assert_allclose(of(loss), [np.mean(wanted)] * 2, rtol=1e-5)


def test_cross_entropy_and_dice_are_the_sum_of_both():
    wanted = of(CrossEntropy(TREE)) + 0.3 * of(Dice())
    np.testing.assert_allclose(of(CrossEntropyDice(0.3)), wanted, rtol=1e-6)


def test_weighted_sum():
    loss = WeightedSum({"a": Weighted(Lovasz(), 2.0), "b": Weighted(Focal(TREE), 0.5)})
    np.testing.assert_allclose(of(loss), 2 * of(Lovasz()) + 0.5 * of(Focal(TREE)), rtol=1e-6)


def one_minus_iou(wrong, truth):
    """Of what a network finds that takes just the pixels `wrong` for the opposite."""
    found = np.logical_xor(truth, wrong)
    return 1 - (found & truth).sum() / (found | truth).sum()


def test_lovasz_is_the_extension_of_one_minus_iou():
    wanted = []
    for number in range(4):
        truth = TARGET.ravel() == number
        errors = np.abs(truth - SCORES[..., number].ravel())
        order = np.argsort(-errors)
        wrong = np.zeros(len(errors), bool)
        costs = [0.0]
        for pixel in order:
            wrong[pixel] = True
            costs.append(one_minus_iou(wrong, truth))
        wanted.append(np.sum(errors[order] * np.diff(costs)))
    np.testing.assert_allclose(of(Lovasz()), [np.mean(wanted)] * 2, rtol=1e-5)


@pytest.mark.parametrize("wrong", list(itertools.product([0, 1], repeat=4)), ids=str)
def test_lovasz_of_sure_answers_is_one_minus_iou(wrong):
    truth = np.array([0, 1, 1, 0])
    found = np.where(wrong, 1 - truth, truth)
    value = of(Lovasz(), truth.reshape(1, 2, 2, 1), logits_of(found.reshape(1, 2, 2), classes=1))
    wanted = np.mean([one_minus_iou(wrong, truth == 1), one_minus_iou(wrong, truth == 0)])
    assert value[0] == pytest.approx(wanted, abs=1e-6)


def test_lovasz_leaves_out_classes_without_a_label():
    target = np.ones((1, 2, 2, 1), np.uint8)
    logits = np.zeros((1, 2, 2, 4), np.float32)
    assert of(Lovasz(), target, logits)[0] == pytest.approx(0.75)


@pytest.mark.parametrize("shift_px", [0, 1, 2, 3, 5])
def test_boundary_is_f1_of_the_outlines(shift_px):
    truth = np.zeros((20, 20), bool)
    truth[5:12, 4:11] = True
    found = np.roll(truth, shift_px, axis=1)
    edges = [x & ~ndimage.binary_erosion(x, np.ones((3, 3))) for x in (truth, found)]
    near = [ndimage.binary_dilation(x, np.ones((5, 5))) for x in edges]
    precision = ((edges[1] & near[0]).sum() + 1) / (edges[1].sum() + 1)
    recall = ((edges[0] & near[1]).sum() + 1) / (edges[0].sum() + 1)
    value = of(
        Boundary(tolerance_px=2),
        truth[None, ..., None].astype(np.uint8),
        logits_of(found[None].astype(int), classes=1),
    )
    wanted = 1 - 2 * precision * recall / (precision + recall)
    assert value[0] == pytest.approx(wanted, abs=1e-5)
    assert (wanted > 0) == (shift_px > 2)


def test_an_outline_where_none_is_costs():
    truth = np.zeros((1, 20, 20), int)
    found = truth.copy()
    found[:, 5:12, 4:11] = 1
    costs = [of(Boundary(), truth[..., None], logits_of(x, classes=1))[0] for x in (truth, found)]
    assert costs[0] < 1e-5
    assert costs[1] > 0.5


@pytest.mark.parametrize(("coarse_weight", "roots"), [(0.0, 0.0), (1.0, 0.5), (3.0, 0.75)])
def test_hierarchical_adds_up_the_levels(coarse_weight, roots):
    parent = {0: [0], 1: [1, 2], 2: [1, 2], 3: [3]}
    wanted = mean_over_pixels(
        lambda number, scores: (
            -(1 - roots) * np.log(scores[number]) - roots * np.log(scores[parent[number]].sum())
        )
    )
    np.testing.assert_allclose(
        of(Hierarchical(TREE, coarse_weight=coarse_weight)), wanted, rtol=1e-4
    )


def test_a_mistake_within_the_family_costs_less():
    jet = np.ones((1, 4, 4, 1), np.uint8)
    costs = [
        of(Hierarchical(TREE), jet, logits_of(np.full((1, 4, 4), number), classes=3, sure=5.0))[0]
        for number in (1, 2, 3)
    ]
    assert costs[0] < costs[1] < costs[2]


def test_runs_where_the_batch_is_unknown():
    """As in the graph of a training, on maps of which only the channels are known."""
    import tensorflow as tf

    parts = (Lovasz(), Boundary(), Hierarchical(TREE), CrossEntropyDice())
    loss = WeightedSum({type(part).__name__: Weighted(part) for part in parts})
    traced = tf.function(
        lambda target, output: loss(target, output),
        input_signature=[
            tf.TensorSpec((None, None, None, 1), "uint8"),
            tf.TensorSpec((None, None, None, 4), "float32"),
        ],
        autograph=False,
    )
    np.testing.assert_allclose(traced(TARGET, LOGITS), of(loss), rtol=1e-5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(
            ["loss=cross_entropy", "+loss.class_weights.vehicel=2.0"],
            r"'vehicel'.*Did you mean 'vehicle'",
            id="no such class",
        ),
        pytest.param(
            ["loss=focal", "+loss.class_weights.car=0"], r"class_weights\.car.*above 0", id="zero"
        ),
        pytest.param(
            ["loss=cross_entropy", "loss.smoothing=1.0"], r"smoothing.*\[0, 1\)", id="all"
        ),
        pytest.param(["loss=focal", "loss.focus=-1"], "focus", id="focal"),
        pytest.param(["loss=dice", "loss.smooth_px=0"], "smooth_px", id="dice"),
        pytest.param(["loss=tversky", "loss.missed_weight=0"], "missed_weight=0", id="tversky"),
        pytest.param(["loss=boundary", "loss.tolerance_px=0"], "tolerance_px", id="boundary"),
        pytest.param(["loss=hierarchical", "loss.coarse_weight=-1"], "coarse", id="hierarchical"),
        pytest.param(
            ["loss=weighted_sum", "loss.losses.pixels.weight=0", "loss.losses.areas.weight=0"],
            "weight above 0",
            id="nothing to sum",
        ),
        pytest.param(
            ["loss=weighted_sum", "loss@loss.losses.areas=centre_focal"],
            r"losses\.areas\.loss.*ScoreMapLoss",
            id="a loss of boxes among them",
        ),
    ],
)
def test_refuses(overrides, message):
    with pytest.raises(ConfigError, match=message):
        model_from_yaml("unet", *overrides)


def test_a_sum_is_composed_of_any_losses():
    loss = model_from_yaml(
        "unet", "loss=weighted_sum", "loss@loss.losses.areas=lovasz", "loss.losses.areas.weight=3"
    ).loss
    assert isinstance(loss.losses["areas"].loss, Lovasz)
    assert loss.losses["areas"].weight == 3
    assert ops.shape(loss(TARGET % 3, LOGITS[..., :3])) == (2,)
