"""The report: what it says first, what it warns of, and that it stays legible."""

from __future__ import annotations

import re
from html import unescape
from typing import ClassVar

import pytest

from factory_core.evaluate.detection.matches import Matches
from factory_core.evaluate.metric import Metric, Quantity, group_numbers
from factory_core.evaluate.pixels import PixelIou
from factory_core.evaluate.report import render_report

QUANTITIES = {
    "f1": Quantity("F1", "harmonic mean"),
    "precision": Quantity("Precision", "share of the detections"),
    "recall": Quantity("Recall", "share of the labels"),
    "labels": Quantity("Labels", "objects to be found", None),
    "detections": Quantity("Detections", "objects detected", None),
    "found": Quantity("Found", "labels matched", None),
    "missed": Quantity("Missed", "labels not matched", 0.0),
    "false": Quantity("False", "detections not matched", 0.0),
    "ap50": Quantity("AP50", "average precision"),
    "apls": Quantity("APLS", "how alike ways are in length"),
    "pixel_iou": Quantity("Pixel IoU", "overlap of the area"),
    **{f"tide_{kind}": Quantity(f"Lost {kind}", "AP50 lost", 0.0) for kind in range(4)},
}
GROUPS = {
    "ap50": "Ranking by score",
    "apls": "The network",
    "pixel_iou": "Outlines and area",
    **{f"tide_{kind}": "Kinds of error" for kind in range(4)},
}
FACTS = {
    "scenes": 12,
    "area_km2": 1.5,
    "match": "box",
    "iou": 0.5,
    "labels_too_coarse": 0,
    "detections_too_coarse": 0,
}


def entry(value, low=None, high=None, samples=None, note=""):
    found = {"value": value, "low": low, "high": high, "samples": samples}
    return found | ({"note": note} if note else {})


def counted(labels, detections, found, *, prefix=""):
    """The numbers of so many objects, as `Measured.intervals` has them."""
    total = labels + detections
    ratios = {
        "f1": (2 * found, total),
        "precision": (found, detections),
        "recall": (found, labels),
    }
    counts = {
        "labels": labels,
        "detections": detections,
        "found": found,
        "missed": labels - found,
        "false": detections - found,
    }
    return {
        **{
            prefix + name: entry(over / under, over / under - 0.05, over / under + 0.05, under)
            if under
            else entry(None, samples=0, note="nothing to divide by")
            for name, (over, under) in ratios.items()
        },
        **{prefix + name: entry(count, count, count) for name, count in counts.items()},
    }


def report(intervals, *, split="test", **changes):
    return render_report(
        detector=changes.pop("detector", "houses"),
        split=split,
        facts=FACTS | changes,
        intervals=intervals,
        quantities=QUANTITIES,
        groups=dict.fromkeys(QUANTITIES, "Objects found") | GROUPS,
        ranges={
            "nodata_share": {"low": "0 to 0.33"},
            "snow": {"low": "0 to 0.33", "high": "0.33 to 1"},
        },
        charts={"precision_recall": None, "confusion": None, "training": None},
        places=[],
        scenes=[],
    )


def texts(page):
    """What a reader sees, without tags and style."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def test_says_first_what_was_found_and_how_sure_that_is():
    page = texts(report(counted(200, 150, 120)))
    verdict = (
        "It finds 120 of 200 labelled objects (60%); of its 150 detections 120 are right (80%) and "
        "30 false."
    )
    assert verdict in page
    assert "the share found would lie between 55% and 65%" in page
    assert page.index(verdict) < page.index("Metrics")
    assert "0.686 0.636 to 0.736" in page  # F1 with its interval


@pytest.mark.parametrize(
    ("labels", "detections", "said"),
    [
        pytest.param(0, 0, "no labelled objects here, and it detected none", id="nothing at all"),
        pytest.param(0, 7, "all of its 7 detections are false", id="no labels"),
        pytest.param(
            9, 0, "It detected nothing: all 9 labelled objects are missed", id="nothing said"
        ),
    ],
)
def test_says_what_an_empty_side_means(labels, detections, said):
    assert said in texts(report(counted(labels, detections, 0)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"scenes": 1}, "Only 1 scene: intervals", id="one scene"),
        pytest.param({"scenes": 5}, "Only 5 scenes: intervals", id="five scenes"),
        pytest.param({"split": "val"}, "scenes of val, on which", id="val"),
        pytest.param({"labels_too_coarse": 3}, "3 labels left out", id="coarse labels"),
        pytest.param({"detections_too_coarse": 1}, "1 detection left out", id="a coarse detection"),
    ],
)
def test_warns(changes, said):
    assert said in texts(report(counted(200, 150, 120), **changes))
    assert said not in texts(report(counted(200, 150, 120)))


def test_warns_of_classes_that_nothing_is_known_of():
    intervals = counted(200, 150, 120)
    intervals |= counted(0, 5, 0, prefix="by_class/barn/")
    intervals |= counted(190, 140, 120, prefix="by_class/house/")
    few = counted(4, 5, 0, prefix="by_class/shed/")
    few["by_class/shed/f1"] = entry(None, samples=4, note="4 samples, fewer than 10")
    page = texts(report(intervals | few))
    assert "No label at all of barn: how well" in page
    assert "Too few labels for a number of shed." in page


def test_a_wide_interval_is_said():
    intervals = counted(200, 150, 120)
    intervals["f1"] = entry(0.6, 0.4, 0.8, 350)
    assert "The interval of F1 is wide, 0.40 to 0.80" in texts(report(intervals))


def test_a_hundred_classes_are_sorted_and_folded():
    intervals = counted(200, 150, 120)
    for number in range(100):
        intervals |= counted(number + 1, 50, 1, prefix=f"by_class/kind{number:02}/")
    page = report(intervals)
    above, _, below = page.partition("<details>")
    assert "80 more</summary>" in below
    shown = re.findall(r"kind\d\d", above.split("<h2>By class")[1])
    assert shown == [f"kind{number:02}" for number in range(99, 79, -1)]
    assert len(re.findall(r"kind\d\d", below)) == 80


def test_of_many_metrics_the_first_group_is_open_and_folds_tell_theirs():
    few = counted(200, 150, 120) | {"ap50": entry(0.6, samples=200)}
    page = report(few)
    assert "<details>" not in page
    assert page.index("<h3>Objects found") < page.index("<h3>Ranking by score")
    more = {f"tide_{kind}": entry(0.1 * kind, samples=200) for kind in range(4)}
    none = {"pixel_iou": entry(None, samples=3, note="3 samples, fewer than 10")}
    page = report(few | more | none)
    above, *folds = page.split("<details>")
    assert "Precision" in above.split("<h2>Metrics")[1]
    assert [texts(fold.partition("</summary>")[0]).strip() for fold in folds] == [
        "Ranking by score AP50 0.600",
        "Kinds of error Lost 0 0.000, Lost 1 0.100, 2 more",
        "Outlines and area no number",
    ]
    assert "3 samples, fewer than 10" in folds[2]


def test_a_number_has_the_group_of_the_first_metric_that_names_one():
    class Own(Metric):
        gives: ClassVar = {"f1": QUANTITIES["f1"], "own": QUANTITIES["apls"]}

        def __call__(self, results): ...

    found = group_numbers([Own(), Matches(), PixelIou()])
    assert found["f1"] == found["recall"] == Matches.group
    assert found["own"] == Metric.group
    assert found["pixel_iou"] == PixelIou.group != Matches.group


def test_slices_stand_with_their_ranges():
    intervals = counted(200, 150, 120) | {
        "by_context/snow/low/f1": entry(0.7, 0.6, 0.8, 90),
        "by_size_m2/small/recall": entry(0.25, 0.2, 0.3, 40),
    }
    page = texts(report(intervals))
    assert "snow: low 0 to 0.33 0.700 0.600 to 0.800" in page
    assert "By size in m²" in page
    assert "small 0.250" in page


def test_contexts_that_repeat_the_total_are_named_and_left_out():
    parts = (
        counted(200, 150, 120, prefix="by_context/nodata_share/low/")
        | counted(90, 60, 50, prefix="by_context/snow/low/")
        | counted(110, 90, 70, prefix="by_context/snow/high/")
    )
    page = texts(report(counted(200, 150, 120) | parts))
    assert "would repeat the total: share without data (low, 0 to 0.33)." in page
    assert "share without data: low" not in page
    assert "snow: high" in page


def test_a_wide_table_shows_what_is_asked_for_first():
    every = counted(200, 150, 120) | counted(90, 60, 50, prefix="by_size_px/small/")
    every |= {f"by_size_px/small/{name}": entry(0.9, 0.8, 1.0, 90) for name in ("ap50", "apls")}
    page = report(every)
    table = page.split("<h2>By size in pixels")[1].split("</table>")[0]
    names = re.findall("<th>(.*?)</th>", table)
    assert names[1:] == ["Labels", "Found", "Precision", "Recall", "F1", "AP50", "APLS"]
    assert "intervals.json" in texts(table)


def test_lines_have_a_verdict_of_their_own():
    page = texts(report({"apls": entry(0.61, 0.5, 0.7, 30)}, within_m=4.0))
    assert "APLS is 0.610: how alike ways are in length." in page
    assert "within 4 m of a label" in page
    assert "IoU" not in page.split("Metrics")[1].split("Intervals")[0].split("stands its")[0]


def test_asks_for_nothing_and_escapes_names():
    intervals = counted(200, 150, 120) | counted(1, 1, 1, prefix="by_class/<i>x&y/")
    page = report(intervals, detector="<script>alert(1)</script>")
    for outside in ("http://", "https://", "<script", "@import", "<link", "url("):
        assert outside not in page
    assert "<i>x&y" not in page
    assert "<i>x&y" in unescape(page)
