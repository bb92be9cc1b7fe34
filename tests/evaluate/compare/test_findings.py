"""A comparison in the terminal and as a page: what moved comes first, and nothing is cut."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from rich.console import Console

from factory_core.evaluate.compare.differences import Difference, split_by_change
from factory_core.evaluate.compare.findings import Findings, told
from factory_core.evaluate.compare.objects import count_by_class, find_changes
from factory_core.evaluate.compare.page import render_comparison
from factory_core.evaluate.compare.verdict import Verdict
from factory_core.evaluate.metric import Quantity
from tests.evaluate.conftest import make_results, make_scene, square

LONG = "a-branch-with-a-long-name"


def difference(name, *, first=0.5, second=0.75, low=None, high=None, note=""):
    quantity = Quantity(name.rpartition("/")[2].capitalize(), "how well it does")
    return Difference(name, "", quantity, first, second, low, high, samples=9, scenes=9, note=note)


def compared(objects, *differences, names=("v1", "flips")):
    return Findings(
        detector="made",
        names=names,
        split="test",
        scenes=["a"],
        left_out={},
        area_km2=(1.0, 1.0, 1.0),
        verdict=Verdict("better", "It is.", (), "f1"),
        differences=differences,
        objects=objects,
        parameters=[],
        iou=0.5,
        draws=10,
        warnings=[],
    )


def shown(objects, *differences, names=("v1", "flips"), width=100):
    """What the terminal shows, as lines."""
    console = Console(file=StringIO(), width=width)
    for line in told(compared(objects, *differences, names=names)):
        console.print(line)
    return console.file.getvalue().splitlines()


def cells(line):
    return [cell.strip() for cell in line[1:-1].replace("┃", "│").split("│")]


@pytest.fixture
def objects():
    """One label found by the first alone; one false of the first, three of the second."""
    labels = [("house", square(10, 10)), ("house", square(40, 10)), ("house", square(70, 10))]
    first = [*labels[:2], ("house", square(10, 60))]
    second = [labels[0], *(("house", square(x, 60)) for x in (30, 50, 70))]
    results = [
        make_results(make_scene(labels, [(label, 0.9, shape) for label, shape in found]))
        for found in (first, second)
    ]
    return count_by_class(find_changes(*results), classes=["house"])


def test_each_count_stands_under_its_heading(objects):
    lines = shown(objects, width=160)
    headings, house = (next(line for line in lines if name in line) for name in ("class", "house"))
    above = lines[lines.index(headings) - 1]
    names = [f"{one} {two}".strip() for one, two in zip(cells(above), cells(headings), strict=True)]
    assert dict(zip(names, cells(house), strict=True)) == {
        "class": "house",
        "labels": "3",
        "both": "1",
        "1st only": "1",
        "2nd only": "0",
        "neither": "1",
        "false: both": "0",
        "false: 1st only": "1",
        "false: 2nd only": "3",
    }


def test_few_scenes_have_no_empty_columns(objects):
    few = "\n".join(shown(objects, difference("f1")))
    assert "95 % interval" not in few
    assert "flips is" not in few
    sure = "\n".join(shown(objects, difference("f1", low=0.1, high=0.4), difference("recall")))
    assert "95 % interval" in sure
    assert "+0.100 to +0.400" in sure
    assert "better" in sure


def test_names_are_not_cut(objects):
    lines = shown(objects, difference("f1", low=0.1, high=0.4), names=("v1", LONG))
    text = "\n".join(lines)
    assert "…" not in text
    assert LONG[:9] in text
    assert max(map(len, lines)) <= 100


EQUAL = {"first": 0.5, "second": 0.5}
EVERY = (
    difference("ap50", **EQUAL, low=0.0, high=0.0),
    difference("recall", low=-0.1, high=0.5),
    difference("count", **EQUAL, low=-0.1, high=0.1),
    difference("pixel_iou", first=None, second=0.4, note="fewer than 10 samples"),
    difference("precision", low=0.1, high=0.4),
    difference("f1", **EQUAL, low=0.0, high=0.0),
    difference("few", **EQUAL),
)


def test_what_moved_comes_first_and_what_decides_before_it():
    moved, equal, missing = split_by_change(EVERY, first="f1")
    assert [d.name for d in moved] == ["f1", "precision", "recall"]
    assert [d.name for d in equal] == ["ap50", "count", "few"]
    assert [d.name for d in missing] == ["pixel_iou"]


def test_equal_numbers_are_a_sentence_and_no_rows(objects):
    text = " ".join(shown(objects, *EVERY, width=200))
    assert "3 numbers are equal: Ap50 0.500; Count 0.500; Few 0.500." in text
    assert "Not to be compared, fewer than 10 samples: Pixel_iou." in text
    parts = [
        difference("by_class/house/recall", **EQUAL, low=0.0, high=0.0),
        difference("by_class/shed/recall", low=-0.1, high=0.5),
    ]
    page = render_comparison(compared(objects, *EVERY, *parts), places=[])
    rows = re.findall(r'<td class="first">(.*?)</td>', page)
    assert rows[:4] == ["F1", "Precision", "Recall", "Recall, shed"]
    assert "3 numbers are equal: Ap50 0.500; Count 0.500; Few 0.500." in page
    assert "Not to be compared, fewer than 10 samples: Pixel_iou." in page
    assert "1 number is equal: Recall, house 0.500." in page
    assert page.count("<td>+0.000</td>") == 1  # what decides
