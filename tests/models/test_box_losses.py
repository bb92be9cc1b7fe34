"""Losses of boxes against their formulas, written out one number at a time."""

import math

import numpy as np
import pytest
from keras import ops
from scipy.linalg import sqrtm

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.models.boxes.rows import BINS, Rows
from factory_core.models.boxes.sim_ota import SimOta
from factory_core.models.losses import box_classes, gaussian, overlap
from factory_core.models.losses.dense import Truth
from factory_core.models.losses.distribution_boxes import _distribution_focal
from factory_core.models.losses.point_boxes import centre_ness
from tests.models.boxes.perfect import gaussians
from tests.models.compose import model_from_yaml

A = [0.0, 0, 10, 10]
PAIRS = [
    pytest.param(A, A, id="equal"),
    pytest.param(A, [5, 0, 15, 10], id="half"),
    pytest.param(A, [20, 30, 24, 32], id="apart"),
    pytest.param(A, [2, 3, 4, 9], id="inside"),
    pytest.param([3.5, 1, 60, 4], [2, 3, 40, 80], id="long and tall"),
]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_overlaps_are_those_of_their_papers(a, b):
    iou, giou, diou, ciou = written_out(a, b)
    expected = {"Iou": 1 - iou, "Giou": 1 - giou, "Diou": 1 - diou, "Ciou": 1 - ciou}
    truth, found = np.array([[a]], np.float32), np.array([[b]], np.float32)
    for name, value in expected.items():
        part = getattr(overlap, name)()
        assert float(part(truth, found)[0, 0]) == pytest.approx(value, abs=1e-5)
        assert float(part.quality(truth, found)[0, 0]) == pytest.approx(iou, abs=1e-5)


def written_out(a, b):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    area_a, area_b = (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])
    union = area_a + area_b - wide * high
    hull_wide, hull_high = max(a[2], b[2]) - min(a[0], b[0]), max(a[3], b[3]) - min(a[1], b[1])
    iou = wide * high / union
    giou = iou - (hull_wide * hull_high - union) / (hull_wide * hull_high)
    apart = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    diou = iou - apart / (hull_wide**2 + hull_high**2)
    slopes = [math.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (a, b)]
    v = 4 / math.pi**2 * (slopes[0] - slopes[1]) ** 2
    alpha = v / (1 - iou + v) if v else 0
    return iou, giou, diou, diou - alpha * v


BOXES = [
    pytest.param([10, 20, 16, 4, 0.3], [10, 20, 16, 4, 0.3], id="equal"),
    pytest.param([10, 20, 16, 4, 0.3], [11, 19, 12, 6, 0.5], id="near"),
    pytest.param([10, 20, 16, 4, 0.3], [10, 20, 16, 4, 0.3 - math.pi], id="turned by a half"),
    pytest.param([10, 20, 16, 4, 0.3], [10, 20, 16, 4, 0.3 + math.pi / 2], id="across"),
    pytest.param([10, 20, 8, 8, 0.0], [10, 20, 8, 8, 1.1], id="squares"),
    pytest.param([10, 20, 16, 4, -1.5], [60, 80, 30, 20, 1.5], id="far"),
]


@pytest.mark.parametrize(("a", "b"), BOXES)
def test_gaussians_are_compared_as_in_their_papers(a, b):
    rows = [np.array([[box]], np.float32) for box in (a, b)]
    truth, found = (gaussian.moments(box) for box in rows)
    np.testing.assert_allclose(truth, gaussians(rows[0]), rtol=1e-5, atol=1e-4)
    (mean_a, wide_a), (mean_b, wide_b) = (mean_and_covariance(box) for box in (a, b))
    expected = {
        "Kld": 1 - 1 / (1 + math.log1p(divergence(mean_b, wide_b, mean_a, wide_a))),
        "ProbIou": hellinger(mean_a, wide_a / 3, mean_b, wide_b / 3),
        "Gwd": 1 - 1 / (1 + math.log1p(wasserstein(mean_a, wide_a, mean_b, wide_b, a, b))),
    }
    for name, value in expected.items():
        part = getattr(gaussian, name)()
        assert float(part(truth, found)[0, 0]) == pytest.approx(value, abs=5e-3)
        quality = float(part.quality(truth, found)[0, 0])
        assert quality == pytest.approx(1 - expected["ProbIou"], abs=5e-3)


def mean_and_covariance(box):
    x, y, length, width, angle = box
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return np.array([x, y]), turn @ np.diag([length**2 / 4, width**2 / 4]) @ turn.T


def divergence(mean_p, wide_p, mean_t, wide_t):
    """Kullback-Leibler divergence of p from t."""
    inverse, offset = np.linalg.inv(wide_t), mean_p - mean_t
    spread = np.trace(inverse @ wide_p) + math.log(np.linalg.det(wide_t) / np.linalg.det(wide_p))
    return max((offset @ inverse @ offset + spread) / 2 - 1, 0)


def hellinger(mean_a, wide_a, mean_b, wide_b):
    both, offset = (wide_a + wide_b) / 2, mean_a - mean_b
    roots = math.sqrt(np.linalg.det(wide_a) * np.linalg.det(wide_b))
    distance = offset @ np.linalg.inv(both) @ offset / 8
    distance += 0.5 * math.log(max(np.linalg.det(both) / roots, 1))
    return math.sqrt(1 - math.exp(-distance))


def wasserstein(mean_a, wide_a, mean_b, wide_b, a, b):
    root = sqrtm(wide_a)
    spread = np.trace(wide_a + wide_b - 2 * np.real(sqrtm(root @ wide_b @ root)))
    squared = max(((mean_a - mean_b) ** 2).sum() + spread, 0)
    return math.sqrt(squared / math.sqrt(a[2] * a[3] * b[2] * b[3]))


def test_a_small_turn_costs_a_long_box_more_than_a_short_one():
    def cost(length):
        boxes = np.array([[[0, 0, length, 4, 0]], [[0, 0, length, 4, 0.2]]], np.float32)
        one, two = (gaussian.moments(box[None]) for box in boxes)
        return float(gaussian.Kld()(one, two)[0, 0])

    assert cost(40) > 2 * cost(8)


CLASS_LOSSES = {
    box_classes.CrossEntropy(): lambda t, q, p: entropy(t * q, p),
    box_classes.Focal(): lambda t, _, p: (
        0.25 * (1 - p) ** 2 * -math.log(p) if t else 0.75 * p**2 * -math.log(1 - p)
    ),
    box_classes.QualityFocal(): lambda t, q, p: abs(t * q - p) ** 2 * entropy(t * q, p),
    box_classes.Varifocal(): lambda t, q, p: (
        q * entropy(q, p) if t else 0.75 * p**2 * -math.log(1 - p)
    ),
}


def entropy(wanted, p):
    return -wanted * math.log(p) - (1 - wanted) * math.log(1 - p)


@pytest.mark.parametrize("part", CLASS_LOSSES, ids=lambda part: type(part).__name__)
def test_class_losses_are_those_of_their_papers(part):
    logits = np.array([[[2.0, -1.5, 0.3], [-3.0, 0.0, 1.0]]], np.float32)
    truth = np.array([[[1.0, 0, 0], [0, 0, 0]]], np.float32)
    quality = np.array([[[0.7], [0.0]]], np.float32)
    expected = [
        sum(
            CLASS_LOSSES[part](t, float(q[0]), 1 / (1 + math.exp(-x)))
            for t, x in zip(*row, strict=True)
        )
        for q, *row in zip(quality[0], truth[0], logits[0], strict=True)
    ]
    found = np.asarray(part(truth, logits, quality=quality))
    np.testing.assert_allclose(found, [expected], rtol=1e-5)


TREE = Taxonomy(("air/jet", "air/propeller", "sea/ship", "sea/boat"), level=2)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0, 90.0])
def test_an_ancestor_is_found_as_far_as_any_of_its_classes(scale):
    logits = np.array([[[0.5, -1.2, 2.0, -3.0], [-1.0, -1.0, -1.0, -2.0]]], np.float32) * scale
    level = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    scores = 1 / (1 + np.exp(-logits.astype(float)))
    expected = 1 - (1 - scores.reshape(1, 2, 2, 2)).prod(axis=-1)
    found = np.asarray(box_classes.logits_of_ancestors(logits, level), float)
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), expected, rtol=1e-3, atol=1e-30)


def test_mistakes_within_a_family_cost_less():
    part = box_classes.Hierarchical(TREE)
    truth = np.array([[[1.0, 0, 0, 0]]], np.float32)
    quality = np.ones((1, 1, 1), np.float32)

    def cost(number):
        logits = np.full((1, 1, 4), -3.0, np.float32)
        logits[..., number] = 3.0
        return float(part(truth, logits, quality=quality)[0, 0])

    assert cost(0) < cost(1) < cost(2) == pytest.approx(cost(3))


def test_without_coarse_levels_it_is_the_focal_loss():
    arguments = np.eye(4, dtype=np.float32)[None, :2], np.ones((1, 2, 4), np.float32)
    quality = np.ones((1, 2, 1), np.float32)
    plain = box_classes.Focal()(*arguments, quality=quality)
    flat = box_classes.Hierarchical(TREE, coarse_weight=0.0)(*arguments, quality=quality)
    np.testing.assert_allclose(flat, plain, rtol=1e-6)


def test_centre_ness_is_that_of_the_paper():
    low, high = np.array([[[2.0, 3], [5, 5], [-1, 2]]]), np.array([[[8.0, 3], [5, 5], [4, 2]]])
    found = np.asarray(centre_ness(low, high))
    np.testing.assert_allclose(found, [[math.sqrt(2 / 8 * 3 / 3), 1, 0]], rtol=1e-6)


def test_distances_are_split_between_the_two_nearest_parts():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(1, 1, 4, BINS + 1)).astype(np.float32)
    sides = [2.25, 0.0, 7.5, 99.0]
    shares = np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum(axis=-1, keepdims=True)
    expected = 0.0
    for side, share in zip(sides, shares, strict=True):
        side = min(side, BINS - 0.01)
        left = int(side)
        expected -= (left + 1 - side) * math.log(share[left])
        expected -= (side - left) * math.log(share[left + 1])
    box = 4.0 * np.array([-sides[0], -sides[1], sides[2], sides[3]]) + 100
    truth = Truth.of(np.array([[[*box, 1]]], np.float32), num_classes=1)
    xy, stride = np.full((1, 1, 2), 100.0, np.float32), np.full((1, 1, 1), 4.0, np.float32)
    rows = Rows(xy, stride, truth.boxes, ops.convert_to_tensor(logits.reshape(1, 1, -1)), None)
    assert float(_distribution_focal(truth, rows)[0, 0]) == pytest.approx(expected / 4, rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_sim_ota_takes_the_rows_of_least_cost(seed):
    generator = np.random.default_rng(seed)
    grid = (np.stack(np.meshgrid(np.arange(8), np.arange(8)), -1).reshape(-1, 2) + 0.5) * 8
    xy = np.broadcast_to(grid, (1, 64, 2)).astype(np.float32)
    low = xy - generator.uniform(2, 20, xy.shape)
    boxes = np.concatenate([low, xy + generator.uniform(2, 20, xy.shape)], -1).astype(np.float32)
    logits = generator.normal(size=(1, 64, 2)).astype(np.float32)
    objects = generator.normal(size=(1, 64, 1)).astype(np.float32)
    rows = Rows(xy, np.full((1, 64, 1), 8, np.float32), boxes, objects, logits)
    corners = generator.uniform(0, 40, (3, 2))
    labels = np.column_stack([corners, corners + generator.uniform(8, 24, (3, 2)), [1, 2, 1]])
    padded = np.concatenate([labels, np.zeros((5, 5))])[None].astype(np.float32)
    found = np.asarray(SimOta()(ops.convert_to_tensor(padded), rows))[0]
    expected = sim_ota(labels, xy[0], boxes[0], logits[0], objects[0])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert (found[:, 4] > 0).any()


def sim_ota(labels, xy, boxes, logits, objects, *, radius_px=20.0):
    """SimOTA as YOLOX' published code has it, row by row."""
    score = np.sqrt(1 / (1 + np.exp(-logits)) / (1 + np.exp(-objects)))
    inside = np.array(
        [[(p > box[:2]).all() and (p < box[2:4]).all() for p in xy] for box in labels]
    )
    centre = (labels[:, :2] + labels[:, 2:4]) / 2
    central = np.array([[(abs(p - c) < radius_px).all() for p in xy] for c in centre])
    candidates = np.flatnonzero((inside | central).any(axis=0))
    iou = np.array(
        [[written_out(label[:4], boxes[row])[0] for row in candidates] for label in labels]
    )
    cost = -3 * np.log(iou + 1e-7)
    for number, label in enumerate(labels):
        for place, row in enumerate(candidates):
            truth = np.arange(1, 3) == label[4]
            cost[number, place] += sum(
                entropy(float(t), p) for t, p in zip(truth, score[row], strict=True)
            )
            cost[number, place] += 1e5 * (not (inside & central)[number, row])
    match = np.zeros(cost.shape, bool)
    for number in range(len(labels)):
        count = max(int(np.sort(iou[number])[::-1][:10].sum()), 1)
        match[number, np.argsort(cost[number])[:count]] = True
    found = np.zeros((len(xy), 5))
    for place, row in enumerate(candidates):
        if match[:, place].sum() > 1:
            found[row] = labels[cost[:, place].argmin()]
        elif match[:, place].any():
            found[row] = labels[match[:, place].argmax()]
    return found


def test_a_window_without_opinion_teaches_no_class():
    loss = model_from_yaml("retinanet").loss
    target = np.zeros((1, 4, 5), np.float32)
    target[..., 4] = -1
    output = np.ones((1, 4, 9), np.float32)
    assert float(loss(target, output)[0]) == 0


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("fcos", "box_loss=kld", "must be an UprightBoxLoss"),
        ("oriented_fcos", "box_loss=giou", "must be an OrientedBoxLoss"),
        ("fcos", "loss=anchor_boxes", "must be a PointLoss"),
        ("fcos", "assigner=sim_ota", "must be an Assigner"),
        ("yolox", "assigner=atss", "must be a PredictionAssigner"),
        ("fcos", "loss.box_weight=-1", "box_weight"),
        ("gfl", "loss.distribution_weight=-1", "distribution_weight"),
        ("oriented_fcos", "box_loss.tau=0.5", "tau"),
        ("fcos", "class_loss.share=1", "share"),
        ("gfl", "class_loss.focus=-1", "focus"),
    ],
)
def test_refuses_what_does_not_fit(name, override, message):
    with pytest.raises(ConfigError, match=message):
        model_from_yaml(name, override)
