"""A comparison in the terminal: each number under its own heading, and nothing empty or cut."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from factory_core.evaluate.compare.differences import Difference
from factory_core.evaluate.compare.findings import Findings, told
from factory_core.evaluate.compare.objects import count_by_class, find_changes
from factory_core.evaluate.compare.verdict import Verdict
from factory_core.evaluate.metric import Quantity
from tests.evaluate.conftest import make_results, make_scene, square

LONG = "a-branch-with-a-long-name"


def difference(name, *, low=None, high=None):
    quantity = Quantity(name.capitalize(), "how well it does")
    return Difference(name, "", quantity, 0.5, 0.75, low, high, samples=9, scenes=9)


def shown(objects, *differences, names=("v1", "flips"), width=100):
    """What the terminal shows, as lines."""
    found = Findings(
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
    console = Console(file=StringIO(), width=width)
    for line in told(found):
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
