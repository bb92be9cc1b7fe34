"""What one version finds and the other misses, object by object."""

from __future__ import annotations

import pytest
from shapely.geometry import LineString

from factory_core.evaluate.compare.objects import as_one, count_by_class, find_changes
from factory_core.evaluate.compare.places import places_that_differ
from tests.evaluate.conftest import CLASSES, LEFT, TOP, make_results, make_scene, square

LABELS = [("house", square(10, 10)), ("house", square(40, 10)), ("road", square(70, 10))]


def changes(labels, first, second):
    one, two = (make_results(make_scene(labels, found)) for found in (first, second))
    return find_changes(one, two)


def table(found):
    objects = found[0].objects
    return sorted(zip(objects["change"], objects["label"], strict=True))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([LABELS[0]], [LABELS[0]], [], id="the same"),
        pytest.param(
            [LABELS[0]], [LABELS[1]], [("gained", "house"), ("lost", "house")], id="other"
        ),
        pytest.param([], [("road", square(10, 10))], [("newly_false", "road")], id="a wrong class"),
        pytest.param(
            [("road", square(10, 60))],
            [("house", square(10, 60))],
            [("newly_false", "house"), ("no_more_false", "road")],
            id="false of another class is another one",
        ),
        pytest.param(
            [("house", square(10, 60))], [("house", square(11, 60))], [], id="false all the same"
        ),
        pytest.param(
            [("house", square(10, 60))],
            [("house", square(11, 60)), ("house", square(10, 61))],
            [("newly_false", "house")],
            id="two on one false one: one is new",
        ),
    ],
)
def test_names_what_came_out_otherwise(first, second, expected):
    scored = [[(label, 0.9, shape) for label, shape in found] for found in (first, second)]
    assert table(changes(LABELS, *scored)) == expected


def test_counts_add_up():
    first = [("house", 0.9, square(10, 10)), ("house", 0.8, square(90, 80))]
    second = [("house", 0.9, square(40, 10)), ("road", 0.8, square(70, 10))]
    counts = count_by_class(changes(LABELS, first, second), classes=CLASSES).set_index("label")
    assert counts.loc["house"].to_dict() == {
        "labels": 2,
        "both": 0,
        "lost": 1,
        "gained": 1,
        "neither": 0,
        "false_both": 0,
        "no_more_false": 1,
        "newly_false": 0,
    }
    assert counts.loc["road", ["labels", "gained", "neither"]].to_list() == [1, 1, 0]


def test_ways_are_compared_as_lines():
    ways = [("road", LineString([(LEFT, TOP - y), (LEFT + 100, TOP - y)])) for y in (10, 40, 70)]
    first = [("road", 0.9, ways[0][1])]
    second = [
        ("road", 0.9, ways[1][1]),
        ("road", 0.9, LineString([(LEFT, TOP - 90), (LEFT + 9, TOP - 90)])),
    ]
    assert table(changes(ways, first, second)) == [
        ("gained", "road"),
        ("lost", "road"),
        ("newly_false", "road"),
    ]


def test_the_list_of_no_change_is_empty_and_has_its_columns():
    none = as_one(changes(LABELS, [], []))
    assert len(none) == 0
    assert list(none.columns) == ["change", "label", "score", "scene_id", "geometry"]
    assert none.crs == "EPSG:4326"


def test_places_with_most_changes_come_first():
    second = [(label, 0.9, shape) for label, shape in LABELS]
    found = changes([*LABELS, ("house", square(10, 70))], [], second)
    places = places_that_differ(found, size_px=50, count=5)
    assert [place.objects for place in places] == [2, 1]
    assert places_that_differ(changes(LABELS, [], []), size_px=50, count=5) == []
