"""Average precision against pycocotools and hotcoco, and against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from factory_core.evaluate.detection.average_precision import AveragePrecision
from factory_core.evaluate.detection.by_size import BySize
from factory_core.evaluate.detection.ranking import IOUS, Ranking
from factory_core.evaluate.plots import precision_recall_rows
from factory_core.kernel.taxonomy import Taxonomy
from tests.evaluate.conftest import CLASSES, make_results, make_scene, square
from tests.evaluate.detection.made import by_pycocotools, numbers, random_scenes


@pytest.mark.parametrize("match", ["box", "polygon"])
@pytest.mark.parametrize(("seed", "count"), [(0, 5), (1, 60), (2, 300)])
def test_equals_pycocotools(seed, count, match):
    scenes = random_scenes(seed=seed, count=count)
    precision, recall = by_pycocotools(scenes)
    found = numbers(AveragePrecision(), make_results(*scenes, match=match))
    by_overlap = np.nanmean(precision[..., 0], axis=1)
    for at, name in enumerate(CLASSES):
        of_class = f"by_class/{name}/"
        assert found[f"{of_class}ap50"] == pytest.approx(by_overlap[0, at], abs=1e-6)
        assert found[f"{of_class}ap75"] == pytest.approx(by_overlap[5, at], abs=1e-6)
        assert found[f"{of_class}ap50_95"] == pytest.approx(by_overlap[:, at].mean(), abs=1e-6)
        assert found[f"{of_class}ar"] == pytest.approx(recall[:, at].mean(), abs=1e-6)
    assert found["ap50"] == pytest.approx(by_overlap[0].mean(), abs=1e-6)
    assert found["ap75"] == pytest.approx(by_overlap[5].mean(), abs=1e-6)
    assert found["ap50_95"] == pytest.approx(by_overlap.mean(), abs=1e-6)
    assert found["ar"] == pytest.approx(recall.mean(), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_sizes_equal_pycocotools(seed):
    scenes = random_scenes(seed=seed, count=120)
    ranges = {"below_100": (0, 100), "100_to_400": (100, 400), "from_400": (400, 1e10)}
    precision, recall = by_pycocotools(scenes, areas=list(ranges.values()))
    metric = BySize(edges_m2=(100.0, 400.0), edges_px=(100.0, 400.0))
    found = numbers(metric, make_results(*scenes))
    for at, name in enumerate(ranges):
        for unit in ("m2", "px"):
            of_size = f"by_size_{unit}/{name}/"
            assert found[f"{of_size}ap50"] == pytest.approx(precision[0, ..., at].mean(), abs=1e-6)
            assert found[f"{of_size}ap50_95"] == pytest.approx(precision[..., at].mean(), abs=1e-6)
            assert found[f"{of_size}ar"] == pytest.approx(recall[..., at].mean(), abs=1e-6)


def test_counts_every_detection_of_a_scene():
    """150 labels, all found: COCO's limit of 100 would stop at a recall of 2 / 3."""
    labels = [("house", square(12 * (i % 20), 12 * (i // 20))) for i in range(150)]
    scene = make_scene(labels, [(name, 0.9, shape) for name, shape in labels])
    found = numbers(AveragePrecision(), make_results(scene))
    assert (found["ap50_95"], found["ar"]) == (1.0, 1.0)


@pytest.mark.parametrize("match", ["box", "polygon"])
@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([], [], np.nan, id="nothing"),
        pytest.param([], [("house", 0.5, square(0, 0))], np.nan, id="no labels"),
        pytest.param([("house", square(0, 0))], [], 0.0, id="no detections"),
        pytest.param([("house", square(0, 0))], [("house", 0.1, square(0, 0))], 1.0, id="perfect"),
        # Right at rank 2 of 2: precision 1/2 at every recall.
        pytest.param(
            [("house", square(0, 0))],
            [("house", 0.1, square(0, 0)), ("house", 0.9, square(50, 50))],
            0.5,
            id="a false one first",
        ),
    ],
)
def test_hand_worked_cases(match, labels, detections, expected):
    results = make_results(make_scene(labels, detections), match=match)
    found = numbers(AveragePrecision(), results)
    assert np.isnan(found["by_class/road/ap50"])
    assert found["by_class/house/ap50_95"] == pytest.approx(expected, nan_ok=True)


def test_equals_hotcoco_on_one_draw():
    from hotcoco import metrics

    draw = np.random.default_rng(0)
    right = draw.random((1, 400)) < np.linspace(0.9, 0.1, 400)
    ranking = Ranking(scene=np.zeros(400, int), right=right, labels=np.array([[250]]))
    average, recall = ranking(np.ones((1, 1)))
    scores = np.linspace(1, 0, 400)
    assert average[0, 0] == pytest.approx(
        metrics.average_precision(scores, right[0], num_gt=250), abs=1e-9
    )
    assert recall[0, 0] == right.sum() / 250


def test_levels_above_are_ranked_by_their_own_classes():
    taxonomy = Taxonomy(("building/house", "building/hut"), level=2)
    scene = make_scene([("house", square(0, 0))], [("hut", 0.9, square(0, 0))])
    found = numbers(AveragePrecision(), make_results(scene, taxonomy=taxonomy))
    assert (found["ap50"], found["by_level/1/ap50"]) == (0.0, 1.0)


def test_the_curve_has_the_average_precision_as_its_mean():
    results = make_results(*random_scenes(seed=3, count=80))
    rows = [row for row in precision_recall_rows(results) if row["label"] == "house"]
    expected = numbers(AveragePrecision(), results)["by_class/house/ap50"]
    assert sum(row["precision"] for row in rows) / 101 == pytest.approx(expected, abs=1e-6)
    assert [row["recall"] for row in rows] == pytest.approx(np.arange(len(rows)) / 100)


def test_a_class_without_anything_is_not_in_the_mean():
    scene = make_scene([("house", square(0, 0))], [("house", 0.5, square(0, 0))])
    assert numbers(AveragePrecision(), make_results(scene))["ap50"] == 1.0


def test_blocks_of_draws_do_not_change_a_draw(monkeypatch):
    results = make_results(*random_scenes(seed=5, count=40, scenes=4))
    tally = AveragePrecision()(results)
    weights = np.random.default_rng(0).integers(0, 4, (9, 4)).astype(float)
    whole = tally(weights)
    monkeypatch.setattr("factory_core.evaluate.detection.ranking.MOST_VALUES", 1)
    for name, number in tally(weights).items():
        np.testing.assert_array_equal(number.values, whole[name].values)


def test_overlaps_are_those_of_coco():
    assert tuple(np.linspace(0.5, 0.95, 10)) == IOUS


@pytest.mark.parametrize("edges", [(-1.0,), (4.0, 2.0), (3.0, 3.0)])
def test_refuses_edges_that_do_not_rise(edges):
    with pytest.raises(ValueError, match="edges_m2"):
        BySize(edges_m2=edges)
