"""Kinds of error against hotcoco's TIDE, and on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from factory_core.evaluate.detection.tide import KINDS, Tide
from tests.evaluate.conftest import CLASSES, LEFT, TOP, make_results, make_scene, square
from tests.evaluate.detection.made import numbers, random_scenes

OF_HOTCOCO = {
    "class": "Cls",
    "location": "Loc",
    "both": "Both",
    "duplicate": "Dupe",
    "background": "Bkg",
    "missed": "Miss",
}


def by_hotcoco(scenes) -> dict[str, dict[str, float]]:
    import hotcoco

    columns = {"labels": [], "detections": []}
    for image, scene in enumerate(scenes, start=1):
        for side, rows in columns.items():
            frame = getattr(scene, side)
            bounds = shapely.bounds(frame.geometry.to_numpy()) - [LEFT, TOP, LEFT, TOP]
            bounds[:, 2:] -= bounds[:, :2]
            kinds = [CLASSES.index(name) + 1 for name in frame["label"]]
            scores = frame["score"] if "score" in frame else np.ones(len(frame))
            rows.append(np.column_stack([np.full(len(frame), image), bounds, scores, kinds]))
    labels, detections = (np.concatenate(rows) for rows in columns.values())
    truth = hotcoco.COCO.from_arrays(
        [{"id": at} for at in range(1, len(scenes) + 1)],
        [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
        labels[:, 0].astype(int),
        labels[:, 6].astype(int),
        labels[:, 1:5],
    )
    evaluation = hotcoco.COCOeval(truth, truth.load_res(detections), "bbox")
    evaluation.params.max_dets = [len(detections)]
    evaluation.evaluate()
    return evaluation.tide_errors()


@pytest.mark.parametrize(("seed", "count"), [(0, 30), (1, 150), (2, 400)])
def test_equals_hotcoco(seed, count):
    scenes = random_scenes(seed=seed, count=count, scenes=3, ties=False)
    found, expected = numbers(Tide(), make_results(*scenes)), by_hotcoco(scenes)
    for kind, theirs in OF_HOTCOCO.items():
        assert found[f"tide_{kind}_errors"] == expected["counts"][theirs]
        assert found[f"tide_{kind}"] == pytest.approx(expected["delta_ap"][theirs], abs=1e-6)


@pytest.mark.parametrize(
    ("detections", "kind", "gain"),
    [
        # IoU 1/3, of the right class: mended it is found.
        pytest.param([("house", 0.9, square(5, 0))], "location", 1.0, id="location"),
        pytest.param([("road", 0.9, square(0, 0))], "class", 1.0, id="class"),
        pytest.param([("road", 0.9, square(5, 0))], "both", 0.0, id="class and location"),
        pytest.param([("house", 0.9, square(50, 50))], "background", 0.0, id="background"),
        pytest.param(
            [("house", 0.9, square(0, 0)), ("house", 0.8, square(1, 0))],
            "duplicate",
            0.0,
            id="twice",
        ),
        # Without its one label the class is not measured, so nothing is gained.
        pytest.param([], "missed", np.nan, id="missed"),
    ],
)
def test_names_the_error(detections, kind, gain):
    found = numbers(Tide(), make_results(make_scene([("house", square(0, 0))], detections)))
    counts = {name: found[f"tide_{name}_errors"] for name in KINDS}
    lost = kind in ("both", "background")  # their label is missed as well
    assert counts == {name: float(name == kind or (name == "missed" and lost)) for name in KINDS}
    assert found[f"tide_{kind}"] == pytest.approx(gain, nan_ok=True)
