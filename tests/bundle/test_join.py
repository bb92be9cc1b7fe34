"""What the edges of scenes cut is joined, and nothing else."""

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point, box

from factory_core.bundle.ground import Ground
from factory_core.bundle.join import join_scenes
from factory_core.bundle.seams import Seen

LEFT, RIGHT = box(0, 0, 50, 100), box(50, 0, 100, 100)
WIDE_LEFT, WIDE_RIGHT = box(0, 0, 60, 100), box(40, 0, 100, 100)


def see(scenes, *, tolerance_m=2.0):
    """Scenes as `(ground, shapes)`; a shape alone has the score 0.5 and the class `house`."""
    frames = []
    for name, (_, objects) in zip("abcdefghi", scenes, strict=False):
        objects = [item if isinstance(item, tuple) else (item, 0.5, "house") for item in objects]
        shapes, scores, labels = zip(*objects, strict=True) if objects else ((), (), ())
        frames.append(
            gpd.GeoDataFrame(
                {
                    "score": np.array(scores, float),
                    "label": np.array(labels, object),
                    "scene_id": name,
                },
                geometry=list(shapes),
                crs="EPSG:32633",
            )
        )
    number = np.repeat(np.arange(len(scenes)), [len(frame) for frame in frames])
    table = gpd.GeoDataFrame(pd.concat([f for f in frames if len(f)] or frames[:1]))
    table = table.reset_index(drop=True)
    return Seen(table, number, [Ground(ground) for ground, _ in scenes], tolerance_m)


def joined(*scenes, boxes=False):
    return join_scenes(see(scenes), boxes=boxes)[0]


def same(found, expected):
    """Whether two lists of shapes hold the same ground."""
    expected = list(expected)
    assert len(found) == len(expected)
    for shape in found:
        best = max(expected, key=lambda e: shapely.area(shapely.intersection(e, shape)))
        assert shapely.symmetric_difference(best, shape).area < 1e-6 * shape.area
        expected.remove(best)


CUT = box(40, 20, 60, 30)


def pieces(shape, *grounds):
    return [(ground, [shapely.intersection(shape, ground)]) for ground in grounds]


@pytest.mark.parametrize("boxes", [False, True], ids=["polygons", "boxes"])
@pytest.mark.parametrize(
    ("scenes", "expected"),
    [
        pytest.param([(LEFT, []), (RIGHT, [])], [], id="nothing"),
        pytest.param(pieces(CUT, LEFT, RIGHT), [CUT], id="cut in two"),
        pytest.param(pieces(box(35, 20, 70, 30), WIDE_LEFT, WIDE_RIGHT), [box(35, 20, 70, 30)],
                     id="cut by both of two that overlap"),
        pytest.param(pieces(box(30, 20, 55, 30), WIDE_LEFT, WIDE_RIGHT), [box(30, 20, 55, 30)],
                     id="cut by one of two that overlap"),
        pytest.param(pieces(box(45, 20, 52, 30), WIDE_LEFT, WIDE_RIGHT), [box(45, 20, 52, 30)],
                     id="seen twice, whole"),
        pytest.param([(LEFT, [box(40, 20, 49.5, 30)]), (RIGHT, [box(50.5, 20, 60, 30)])],
                     [CUT], id="a pixel apart"),
        pytest.param([(LEFT, [box(40, 20, 50, 30)]), (RIGHT, [box(50, 27, 60, 37)])],
                     [box(40, 20, 50, 30), box(50, 27, 60, 37)], id="beside each other, touching"),
        pytest.param([(LEFT, [box(40, 20, 48, 30)]), (RIGHT, [box(52, 20, 60, 30)])],
                     [box(40, 20, 48, 30), box(52, 20, 60, 30)], id="a gap between"),
        pytest.param([(LEFT, [box(40, 20, 50, 30)]), (RIGHT, [(box(50, 20, 60, 30), 0.5, "car")])],
                     [box(40, 20, 50, 30), box(50, 20, 60, 30)], id="of two classes"),
        pytest.param([(LEFT, [box(30, 20, 40, 30), box(40, 20, 50, 30)]), (RIGHT, [])],
                     [box(30, 20, 40, 30), box(40, 20, 50, 30)], id="side by side in one scene"),
        pytest.param([(box(0, 0, 50, 50), [box(40, 40, 50, 50)]),
                      (box(50, 50, 100, 100), [box(50, 50, 60, 60)])],
                     [box(40, 40, 50, 50), box(50, 50, 60, 60)], id="scenes meet in a corner"),
        pytest.param([(WIDE_LEFT, [box(44, 20, 49, 30), box(50, 20, 55, 30)]),
                      (WIDE_RIGHT, [(box(44, 20, 55, 30), 0.4, "house")])],
                     [box(44, 20, 49, 30), box(50, 20, 55, 30)], id="two that are one there"),
    ],
)  # fmt: skip
def test_joins_what_an_edge_cuts_and_nothing_else(scenes, expected, boxes):
    same(joined(*scenes, boxes=boxes).geometry, expected)
    same(joined(*scenes[::-1], boxes=boxes).geometry, expected)


def test_the_better_one_stands_where_an_object_is_seen_twice():
    one, other = (box(44, 20, 50, 30), 0.6, "house"), (box(44.5, 20, 50.5, 30), 0.9, "house")
    found = joined((WIDE_LEFT, [one]), (WIDE_RIGHT, [other]))
    assert found[["score", "scene_id"]].to_numpy().tolist() == [[0.9, "b"]]
    assert found.geometry.iloc[0].equals(other[0])


def test_the_score_is_the_highest_and_the_rest_is_of_a_whole_one():
    whole, piece = (box(30, 20, 55, 30), 0.4, "house"), (box(40, 20, 55, 30), 0.8, "house")
    found = joined((WIDE_LEFT, [whole]), (WIDE_RIGHT, [piece]), boxes=True)
    assert found[["score", "scene_id"]].to_numpy().tolist() == [[0.8, "a"]]
    assert found.geometry.iloc[0].equals(whole[0])


def test_the_legs_of_a_u_become_one_with_its_base():
    legs = [box(40, 20, 50, 25), box(40, 35, 50, 40)]
    base = shapely.union_all([box(50, 20, 60, 40), *legs])
    base = shapely.intersection(base, RIGHT)
    scenes = [(LEFT, legs), (RIGHT, [base])]
    assert len(joined(*scenes)) == 1
    assert joined(*scenes).area.sum() == pytest.approx(300)
    # As boxes they are two objects, of which one goes on.
    assert len(joined(*scenes, boxes=True)) == 2


def test_boxes_of_any_direction_become_one_along_the_best():
    turned = shapely.affinity.rotate(box(30, 45, 70, 55), 30)
    halves = [
        (shapely.oriented_envelope(shapely.intersection(turned, ground)), score, "house")
        for ground, score in ((WIDE_LEFT, 0.9), (WIDE_RIGHT, 0.5))
    ]
    whole = joined((WIDE_LEFT, halves[:1]), (WIDE_RIGHT, halves[1:]), boxes=True)
    assert len(whole) == 1
    assert shapely.oriented_envelope(whole.geometry.iloc[0]).area == pytest.approx(whole.area[0])
    assert shapely.intersection(whole.geometry.iloc[0], turned).area > 0.95 * turned.area


def length_beside(found, way, *, within_m=0.01):
    return shapely.length(shapely.intersection(way, shapely.buffer(found.union_all(), within_m)))


WAY = LineString([(10, 30), (45, 32), (70, 40), (90, 40)])
CROSSING = LineString([(45, 0), (46, 100)])


@pytest.mark.parametrize(
    ("scenes", "lines"),
    [
        pytest.param(pieces(WAY, LEFT, RIGHT), 1, id="end to end"),
        pytest.param(pieces(WAY, WIDE_LEFT, WIDE_RIGHT), 1, id="shown twice in between"),
        pytest.param(pieces(WAY, box(0, 0, 49.4, 100), box(50.6, 0, 100, 100)), 1, id="a gap"),
        pytest.param(pieces(WAY, box(0, 0, 40, 99), box(30, 0, 70, 99), box(60, 0, 100, 99)), 1,
                     id="over three scenes"),
        pytest.param([(WIDE_LEFT, [LineString([(10, 30), (60, 30)])]), (WIDE_RIGHT, [CROSSING])],
                     2, id="that cross"),
        pytest.param([(LEFT, [LineString([(10, 30), (50, 30)])]),
                      (RIGHT, [LineString([(50, 35), (90, 35)])])], 2, id="that end side by side"),
    ],
)  # fmt: skip
def test_lines_are_joined_end_to_end(scenes, lines):
    for found in (joined(*scenes), joined(*scenes[::-1])):
        assert len(found) == lines
        assert set(found.geom_type) == {"LineString"}
        if lines == 1:
            assert length_beside(found, WAY, within_m=0.1) == pytest.approx(WAY.length, rel=0.01)
            assert found.length.sum() == pytest.approx(WAY.length, rel=0.02)


def test_lines_that_lie_apart_by_a_pixel_meet_in_one_place():
    lines = LineString([(10, 30), (60, 30)]), LineString([(40, 31), (90, 31)])
    found = joined((WIDE_LEFT, [lines[0]]), (WIDE_RIGHT, [lines[1]]))
    assert len(found) == 1
    assert found.length.sum() == pytest.approx(80, abs=0.6)


def test_lines_of_several_parts_are_joined_too():
    """As a geofence leaves them."""
    left = shapely.MultiLineString([[(10, 30), (20, 30)], [(30, 30), (50, 30)]])
    found = joined((LEFT, [left]), (RIGHT, [LineString([(50, 30), (90, 30)])]))
    assert sorted(found.length) == pytest.approx([10, 60])


def test_points_that_two_scenes_show_are_one():
    found = joined((WIDE_LEFT, [Point(50, 10), Point(50, 20)]), (WIDE_RIGHT, [Point(50.5, 10)]))
    assert sorted(point.y for point in found.geometry) == [10, 20]


def test_one_scene_stays_as_it_is():
    seen = see([(LEFT, [box(40, 20, 50, 30), box(45, 20, 50, 30), (Point(3, 3), 0.1, "car")])])
    found, changed = join_scenes(seen, boxes=False)
    assert_geodataframe_equal(found, seen.detections)
    assert not changed.any()


def test_the_input_stays_as_it_is():
    seen = see(pieces(CUT, LEFT, RIGHT))
    before = seen.detections.copy(deep=True)
    join_scenes(seen, boxes=False)
    assert_geodataframe_equal(seen.detections, before)


@st.composite
def towns(draw):
    """Houses at least 4 m apart, and four scenes that adjoin or overlap."""
    across, down = (
        [0, *np.cumsum(draw(st.lists(st.integers(7, 40), min_size=3, max_size=5)))] for _ in "xy"
    )
    houses = [
        box(left, low, right - 4, high - 4)
        for left, right in pairwise(across)
        for low, high in pairwise(down)
        if draw(st.booleans())
    ]
    x, y = draw(st.integers(10, 60)), draw(st.integers(10, 60))
    overlap = draw(st.sampled_from([0, 7, 25]))
    spans = lambda middle: [(-9, middle), (middle - overlap, 250)]  # noqa: E731
    grounds = [box(l, b, r, t) for l, r in spans(x) for b, t in spans(y)]  # noqa: E741
    return houses, grounds


@pytest.mark.slow
@settings(max_examples=25)
@given(town=towns(), order=st.permutations(range(4)))
def test_four_scenes_give_what_one_would(town, order):
    houses, grounds = town
    scenes = [
        (
            ground,
            [piece for house in houses if (piece := shapely.intersection(house, ground)).area > 0],
        )
        for ground in grounds
    ]
    for boxes in (False, True):
        same(joined(*(scenes[number] for number in order), boxes=boxes).geometry, houses)


def test_a_crowd_on_one_spot_is_shared_out():
    chance = np.random.default_rng(0).random((2, 90, 2))
    one, other = ([(box(42 + x, 20 + y, 52 + x, 30 + y)) for x, y in spot] for spot in chance)
    found = joined((WIDE_LEFT, one), (WIDE_RIGHT, other[:30]), boxes=True)
    assert len(found) == 90


def test_an_outline_that_crosses_itself_is_mended():
    bow = shapely.Polygon([(40, 20), (50, 30), (50, 20), (40, 30)])
    found = joined((LEFT, [bow]), (RIGHT, [box(50, 20, 60, 30)]))
    assert found.area.tolist() == [150]


def test_an_object_of_three_scenes_has_one_detection_of_each():
    """The second box of `a` agrees with that of `c`, which is taken by way of `b`."""
    grounds = [box(0, 0, 60, 100), box(30, 0, 70, 100), box(40, 0, 100, 100)]
    first, second = box(44, 20, 54, 30), box(48, 20, 58, 30)
    scenes = [(grounds[0], [first, second]), (grounds[1], [box(45, 20, 55, 30)]),
              (grounds[2], [box(46.5, 20, 56.5, 30)])]  # fmt: skip
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        assert len(joined(*(scenes[number] for number in order), boxes=True)) == 2
