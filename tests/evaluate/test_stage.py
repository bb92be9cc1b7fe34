"""The whole stage: from the folders of earlier stages to metrics, plots, pictures and report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely.affinity import rotate
from shapely.geometry import box

from factory_core.evaluate.stage import run
from factory_core.kernel import io
from factory_core.kernel.errors import (
    ConfigError,
    OutputError,
    SceneError,
    SelectionError,
    TaxonomyError,
)
from factory_core.kernel.geo import footprint
from tests.evaluate.conftest import LEFT, TOP, geobox, square

LABELS = {
    "a": [("house", square(10, 10)), ("house", square(60, 60)), ("road", square(30, 10))],
    "b": [("building/house", square(10, 10)), ("building", square(40, 10))],
}
DETECTIONS = {
    "a": [
        ("house", 0.9, square(11, 10)),
        ("house", 0.4, square(80, 20)),
        ("road", 0.8, square(30, 10)),
    ],
    "b": [],
}


def test_measures_what_was_worked_by_hand(world):
    metrics = world().add(labels=LABELS, detections=DETECTIONS).run()
    # Found: a house (IoU 90 / 110) and the road; missed: a house each on a and b; one false.
    assert metrics["f1"] == pytest.approx(4 / 7, abs=1e-6)
    assert metrics["precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["recall"] == pytest.approx(2 / 4)
    assert metrics["by_class"]["house"]["recall"] == pytest.approx(1 / 3, abs=1e-6)
    assert metrics["by_class"]["road"] == {
        "f1": 1.0,
        "precision": 1.0,
        "recall": 1.0,
        "ap50": 1.0,
        "ap75": 1.0,
        "ap50_95": 1.0,
        "ar": 1.0,
        "pixel_iou": 1.0,
        "pixel_f1": 1.0,
        "labels": 1,
        "detections": 1,
        "found": 1,
        "missed": 0,
        "false": 0,
    }
    # House at 0.50: right at rank 1, recall 1/3, so 34 of the 101 recalls have precision 1.
    assert metrics["by_class"]["house"]["ap50"] == pytest.approx(34 / 101, abs=1e-6)
    # IoU 0.818 passes 7 of the 10 overlaps.
    assert metrics["by_class"]["house"]["ap50_95"] == pytest.approx(0.7 * 34 / 101, abs=1e-6)
    assert metrics["labels_too_coarse"] == 1
    assert metrics["by_context"]["snow"]["low"]["labels"] == 3
    assert metrics["by_context"]["snow"]["high"]["f1"] == 0.0
    assert list(metrics["by_context"]["snow"]) == ["low", "high"]
    assert metrics["ap_detections_per_scene"] == "unlimited"


def test_a_detection_of_a_parent_class_counts_at_its_own_level(world):
    detections = {"a": [("building", 0.7, square(10, 10)), ("road", 0.8, square(30, 10))], "b": []}
    here = world().add(labels=LABELS, detections=detections)
    metrics = here.run()
    # Of three houses and a road, the road is found; that a house is a building is not wrong.
    assert (metrics["detections_too_coarse"], metrics["detections"]) == (1, 1)
    assert (metrics["precision"], metrics["recall"]) == (1.0, 0.25)
    # At level 1 there are four buildings and a road, and one of each is found.
    assert metrics["by_level"]["1"]["precision"] == 1.0
    assert metrics["by_level"]["1"]["recall"] == pytest.approx(2 / 5)
    assert list(metrics["by_level"]) == ["1"]
    report = (here.root / "evaluation/test/report.html").read_text()
    assert "By level" in report
    assert "<td>0.571" in report


def test_oriented_boxes_are_matched_by_their_own_shape(world):
    bars = [rotate(box(LEFT + x, TOP - 60, LEFT + x + 30, TOP - 54), 45) for x in (20, 25)]
    labels = {"a": [("road", bars[0])], "b": [("road", bars[0])]}
    detections = {"a": [("road", 0.9, bars[0])], "b": [("road", 0.9, bars[1])]}
    beside = world(match="polygon").add(labels=labels, detections=detections).run()
    assert (beside["found"], beside["false"]) == (1, 1)


def test_writes_all_that_the_pipeline_promises(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run()
    out = made.paths["out"]
    files = sorted(file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file())
    assert files == [
        "intervals.json",
        "metrics.json",
        "pictures/a.png",
        "pictures/b.png",
        "pictures/worst/01_a.png",
        "pictures/worst/02_b.png",
        "plots/confusion.json",
        "plots/precision_recall.json",
        "report.html",
        "slices.json",
    ]
    confusion = json.loads((out / "plots/confusion.json").read_text())
    assert {"actual": "background", "predicted": "house"} in confusion
    assert confusion.count({"actual": "house", "predicted": "background"}) == 2
    points = json.loads((out / "plots/precision_recall.json").read_text())
    assert set(points[0]) == {"recall", "precision", "label"}


def test_the_report_needs_nothing_beside_itself(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run()
    report = (made.paths["out"] / "report.html").read_text()
    for outside in ("http://", "https://", "<script", "@import", "<link"):
        assert outside not in report
    assert report.count('src="data:image/') == 6
    assert "2 of 4" in report


def test_equal_inputs_give_equal_bytes(world, tmp_path):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run()
    first = _contents(made.paths["out"])
    made.run()
    assert _contents(made.paths["out"]) == first


def test_the_order_of_rows_does_not_matter(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run()
    first = _contents(made.paths["out"])
    for name in ("catalogue/labels.parquet", "detections/test.parquet"):
        path = made.root / "data" / name
        io.write_table(io.read_table(path).iloc[::-1], path)
    made.run()
    assert _contents(made.paths["out"]) == first


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param(
            [],
            [],
            {"f1": None, "precision": None, "recall": None, "ap50": None},
            id="nothing at all",
        ),
        pytest.param(
            LABELS["a"],
            [],
            {"f1": 0.0, "precision": None, "recall": 0.0, "ap50": 0.0},
            id="no detections",
        ),
        pytest.param(
            [],
            DETECTIONS["a"],
            {"f1": None, "precision": 0.0, "recall": None, "ap50": None},
            id="no labels",
        ),
    ],
)
@pytest.mark.parametrize("match", ["box", "polygon"])
def test_empty_sides_give_null_or_zero_by_rule(world, match, labels, detections, expected):
    made = world(match=match).add(
        labels={"a": labels}, detections={"a": detections}, score_maps=True
    )
    metrics = made.run()
    assert {key: metrics[key] for key in expected} == expected
    intervals = io.read_json(made.paths["out"] / "intervals.json")
    assert (intervals["f1"].get("note") == "0 samples, fewer than 1") == (not labels)
    assert (metrics["pixel_iou"] is None) == (not labels and not detections)
    assert (made.paths["out"] / "report.html").is_file()


def test_only_the_area_of_the_split_counts(world):
    half = box(LEFT, TOP - 100, LEFT + 50, TOP)
    made = world().add(
        labels={"a": LABELS["a"]},
        detections={"a": DETECTIONS["a"]},
        areas={"a": half},
        score_maps=True,
    )
    metrics = made.run()
    assert (metrics["labels"], metrics["detections"]) == (2, 2)
    assert metrics["by_class"]["road"]["pixel_iou"] == 1.0
    assert metrics["by_class"]["house"]["pixel_iou"] == pytest.approx(90 / 110, abs=1e-6)


def test_pictures_show_found_missed_and_false_in_three_colours(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run()
    with Image.open(made.paths["out"] / "pictures/a.png") as image:
        imagery = np.asarray(image)[:-56]  # above the legend
    assert max(image.size) <= 640
    for colour in ((0x56, 0xB4, 0xE9), (0xF0, 0xE4, 0x42), (0xD5, 0x5E, 0x00)):
        near = np.abs(imagery.astype(int) - colour).max(axis=-1) <= 12
        assert near.sum() > 20


def test_a_finished_picture_is_not_drawn_again(world, monkeypatch):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    stage = "factory_core.evaluate.stage"
    drawn = []
    monkeypatch.setattr(f"{stage}.draw_scene", _killed_after(drawn, count=1))
    with pytest.raises(KeyboardInterrupt):
        made.run()
    assert not made.paths["out"].exists()
    drawn.clear()
    monkeypatch.setattr(f"{stage}.draw_scene", _killed_after(drawn, count=99))
    made.run()
    assert len(drawn) == 3  # of four


def _killed_after(drawn, *, count):
    from factory_core.evaluate.pictures import draw_scene

    def draw(comparison, **arguments):
        if len(drawn) == count:
            raise KeyboardInterrupt
        drawn.append(comparison)
        draw_scene(comparison, **arguments)

    return draw


def test_shows_the_curves_of_every_member(world, tmp_path):
    for member in ("0", "1"):
        file = tmp_path / "curves" / member / "plots/metrics/train/loss.tsv"
        file.parent.mkdir(parents=True)
        file.write_text("step\tloss\n0\t1.5\n1\t0.5\n2\tnan\n")
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run(curves=tmp_path / "curves")
    assert "Training" in (made.paths["out"] / "report.html").read_text()


def test_renews_the_table_of_the_readme_and_nothing_else(world, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_bytes(b"# A\r\n<!-- metrics:begin -->\nold\n<!-- metrics:end -->\nrest\r\n")
    world().add(labels=LABELS, detections=DETECTIONS).run(readme=readme)
    text = readme.read_bytes().decode()
    assert text.startswith("# A\r\n<!-- metrics:begin -->\n| class | F1 |")
    assert text.endswith("<!-- metrics:end -->\nrest\r\n")
    assert "| **all** | 0.571 | 0.667 | 0.500 |" in text
    assert "old" not in text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="no file"),
        pytest.param("# A\n", id="no markers"),
        pytest.param("<!-- metrics:end -->\n<!-- metrics:begin -->\n", id="wrong order"),
        pytest.param("<!-- metrics:begin -->\n", id="no end"),
    ],
)
def test_refuses_a_readme_without_a_place_for_the_table(world, tmp_path, text):
    readme = tmp_path / "README.md"
    if text is not None:
        readme.write_text(text)
    made = world().add(labels=LABELS, detections=DETECTIONS)
    with pytest.raises(OutputError, match=r"README\.md has no place.*metrics:begin"):
        made.run(readme=readme)
    assert not made.paths["out"].exists()


def test_refuses_an_empty_split(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    with pytest.raises(SelectionError, match=r"'val' is empty in .*selection\.parquet"):
        run(made.config, **made.paths, split="val")


def test_refuses_detections_of_other_scenes(world):
    made = world().add(labels=LABELS, detections=DETECTIONS, areas={"b": footprint(geobox())})
    with pytest.raises(SelectionError, match=r"test\.parquet.*not in the split 'test': a"):
        made.run()


@pytest.mark.parametrize("score", [float("nan"), 1.5, -0.1])
def test_refuses_scores_that_are_none(world, score):
    made = world().add(labels=LABELS, detections={"a": [("house", score, square(1, 1))]})
    with pytest.raises(OutputError, match=r"test\.parquet holds scores"):
        made.run()


def test_refuses_an_unknown_class(world):
    made = world().add(labels={"a": [("hous", square(1, 1))]}, detections={"a": []})
    with pytest.raises(TaxonomyError, match="Nearest: 'house'"):
        made.run()


def test_a_damaged_scene_leaves_the_last_evaluation_as_it_was(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    made.run()
    before = _contents(made.paths["out"])
    (made.paths["scenes"] / "b.tif").write_bytes(b"II*\0 cut off")
    with pytest.raises(SceneError, match=r"b\.tif cannot be read"):
        made.run()
    assert _contents(made.paths["out"]) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("relaxed_lines", "reads lines, and the detections are polygon", id="no lines"),
        pytest.param("of_score_maps", "reads score maps, and the model gives", id="no score map"),
    ],
)
def test_a_metric_says_what_it_misses(world, monkeypatch, name, message):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    if name == "of_score_maps":
        monkeypatch.setattr("factory_core.evaluate.pixels.PixelIou.reads", "score_map")
    else:
        made.metrics = (name,)
    with pytest.raises(ConfigError, match=rf"evaluate\.metrics.*{message}"):
        made.run()
    assert not made.paths["out"].exists()


def test_a_missing_context_is_named(world):
    made = world().add(labels=LABELS, detections=DETECTIONS)
    table = made.paths["catalogue"] / "scenes.parquet"
    io.write_table(io.read_table(table).drop(columns="haze"), table)
    with pytest.raises(OutputError, match=r"scenes\.parquet lacks the contexts haze"):
        made.run()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("iou", 0.0),
        ("iou", 1.2),
        ("iou", "half"),
        ("match", "circle"),
        ("context_edges", []),
        ("context_edges", [0.6, 0.3]),
        ("context_edges", [0.0]),
        ("context_edges", [0.2, 0.4, 0.6]),
        ("picture_px", 3),
        ("places", -1),
        ("iuo", 0.5),
    ],
)
def test_names_a_wrong_setting(world, setting, value):
    made = world(**{setting: value}).add(labels=LABELS, detections=DETECTIONS)
    with pytest.raises(ConfigError, match=f"evaluate.*{setting}"):
        made.run()


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(world):
    made = world().add(labels=LABELS, detections=DETECTIONS, score_maps=True)
    made.run()
    first = _contents(made.paths["out"])
    config = made.config
    config.compute.workers = 2
    run(config, **made.paths, split="test")
    assert _contents(made.paths["out"]) == first
