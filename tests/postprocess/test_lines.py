import numpy as np
import pytest
import shapely

from factory_core.kernel.errors import ConfigError
from factory_core.kernel.geo import ScoreMap
from factory_core.kernel.parts import load_part
from factory_core.postprocess.chain import compose
from factory_core.postprocess.lines.close_gaps import CloseGaps
from factory_core.postprocess.lines.drop_spurs import DropSpurs
from factory_core.postprocess.lines.ends import find_ends
from factory_core.postprocess.lines.join_network import JoinNetwork
from factory_core.postprocess.lines.merge_collinear import MergeCollinear
from factory_core.postprocess.lines.min_length import MinLength
from factory_core.postprocess.lines.snap_ends import SnapEnds
from factory_core.postprocess.lines.straighten_lines import StraightenLines
from tests.postprocess.made import frame


def lines(*points, **more):
    return frame([shapely.LineString(line) for line in points], **more)


def coordinates(found):
    return sorted(sorted(line.coords) for line in found.geometry)


def test_ends_are_places_with_a_degree():
    ends = find_ends(
        lines([(0, 0), (5, 0)], [(5, 0), (9, 3)], [(5, 0), (5, 9)]).geometry.to_numpy()
    )
    assert len(ends.places) == 4
    assert sorted(ends.degree) == [1, 1, 1, 3]
    assert ends.stop[0] == ends.start[1] == ends.start[2]


def test_straight_lines_lose_their_wobble_and_keep_their_ends():
    wobbly = [(0, 0), (5, 0.9), (9, -0.8), (20, 0)]
    bent = [(0, 0), (10, 5), (20, 0)]
    ring = [(0, 0), (0.5, 0), (0.5, 0.5), (0, 0)]
    found = StraightenLines(1.0)(lines(wobbly, bent, ring))
    assert [list(line.coords) for line in found.geometry] == [[(0, 0), (20, 0)], bent, ring]


def test_a_spur_goes_and_a_road_stays():
    road = [[(0, 0), (50, 0)], [(50, 0), (100, 0)]]
    spur, side_road = [(50, 0), (50, 4)], [(50, 0), (50, -40)]
    found = DropSpurs(10.0)(lines(*road, spur, side_road))
    assert len(found) == 3
    assert spur not in [list(line.coords) for line in found.geometry]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param([[(0, 0), (3, 0)]], 1, id="alone is no spur"),
        pytest.param([[(0, 0), (50, 0)], [(50, 0), (52, 0)]], 2, id="an end that goes on"),
        pytest.param(
            [[(0, 0), (3, 0)], [(0, 0), (0, 4)], [(0, 0), (-2, 0)]], 1, id="the longest of a star"
        ),
        pytest.param(
            [[(0, 0), (3, 0), (0, 3), (0, 0)], [(0, 0), (5, 5)]], 1, id="loop with a hair"
        ),
    ],
)
def test_what_is_a_spur(given, kept):
    assert len(DropSpurs(10.0)(lines(*given))) == kept


def test_ends_snap_to_where_most_meet():
    given = lines([(0, 0), (20, 0)], [(20, 0), (40, 3)], [(21, 1), (21, 30)], [(90, 0), (99, 0)])
    found = SnapEnds(3.0)(given)
    assert found.geometry.iloc[2].coords[0] == (20, 0)
    assert found.geometry.iloc[3].equals(given.geometry.iloc[3])
    moved = shapely.distance(
        shapely.get_point(given.geometry.to_numpy(), 0),
        shapely.get_point(found.geometry.to_numpy(), 0),
    )
    assert moved.max() <= 3.0


def test_a_line_that_would_become_a_point_goes():
    found = SnapEnds(3.0)(lines([(0, 0), (20, 0)], [(20, 0), (22, 0)], [(22, 0), (22, 30)]))
    assert len(found) == 2
    ends = find_ends(found.geometry.to_numpy())
    assert sorted(ends.degree) == [1, 1, 2]


@pytest.mark.parametrize(
    ("second", "gaps"),
    [
        pytest.param([(30, 0), (60, 0)], 1, id="straight on"),
        pytest.param([(60, 0), (30, 0)], 1, id="whichever way it is drawn"),
        pytest.param([(41, 0), (60, 0)], 0, id="too far"),
        pytest.param([(30, 0), (30, 40)], 0, id="looks away"),
        pytest.param([(21, 9), (60, 9)], 0, id="beside"),
    ],
)
def test_gaps(second, gaps):
    found = CloseGaps(20.0, 30.0)(lines([(0, 0), (20, 0)], second, scores=[0.9, 0.4]))
    assert len(found) == 2 + gaps
    if gaps:
        assert found["score"].iloc[2] == 0.4
        assert sorted(found.geometry.iloc[2].coords) == [(20, 0), (30, 0)]


def test_an_end_joins_one_other_the_nearest():
    found = CloseGaps(20.0, 30.0)(
        lines([(0, 0), (20, 0)], [(30, 1), (60, 1)], [(28, 0), (60, -3)], [(0, 50), (20, 50)])
    )
    assert len(found) == 5
    assert sorted(found.geometry.iloc[4].coords) == [(20, 0), (28, 0)]


def test_gaps_are_not_closed_between_classes():
    given = lines([(0, 0), (20, 0)], [(30, 0), (60, 0)], labels=["road", "river"])
    assert len(CloseGaps(20.0, 30.0)(given)) == 2


def test_what_goes_on_becomes_one_line():
    found = MergeCollinear(30.0)(
        lines([(0, 0), (10, 0)], [(30, 2), (10, 0)], [(30, 2), (30, 40)], scores=[0.9, 0.3, 0.7])
    )
    assert coordinates(found) == [[(0, 0), (10, 0), (30, 2)], [(30, 2), (30, 40)]]
    joined = found.sort_values("score")["score"].tolist()
    length = np.hypot(20, 2)
    assert joined == pytest.approx([(0.9 * 10 + 0.3 * length) / (10 + length), 0.7])


def test_junctions_and_classes_end_a_line():
    star = [[(0, 0), (10, 0)], [(10, 0), (20, 0)], [(10, 0), (10, 9)]]
    assert len(MergeCollinear(90.0)(lines(*star))) == 3
    two = lines(*star[:2], labels=["road", "river"])
    assert len(MergeCollinear(90.0)(two)) == 2


def test_a_circle_of_arcs_becomes_a_ring():
    angle = np.linspace(0, 2 * np.pi, 25)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * 50
    circle[-1] = circle[0]
    arcs = [circle[a : a + 9] for a in (0, 8, 16)]
    found = MergeCollinear(40.0)(lines(*arcs))
    assert len(found) == 1
    assert found.geometry.iloc[0].is_ring


def test_a_network_meets_in_nodes():
    crossing = [[(0, 0), (100, 0)], [(50, -50), (50, 50)]]
    loose = [(20, 30), (20, 3)]
    found = JoinNetwork(5.0)(lines(*crossing, loose, scores=[0.9, 0.8, 0.5]))
    ends = find_ends(found.geometry.to_numpy())
    assert sorted(ends.degree) == [1, 1, 1, 1, 1, 3, 4]
    assert found.length.sum() == pytest.approx(100 + 100 + 30)
    # The end of the loose one is led on to the road by 3 m, with its own score.
    assert sorted(set(found["score"])) == [0.5, 0.8, 0.9]


def test_what_is_too_far_stays_loose_and_what_overshoots_does_not_turn_back():
    far = JoinNetwork(2.0)(lines([(0, 0), (100, 0)], [(20, 30), (20, 3)]))
    assert len(far) == 2
    over = JoinNetwork(5.0)(lines([(0, 0), (100, 0)], [(20, 30), (20, -3)]))
    assert over.length.sum() == pytest.approx(133)


def test_lines_on_each_other_become_one_of_the_best_score():
    found = JoinNetwork(1.0)(lines([(0, 0), (9, 0)], [(9, 0), (0, 0)], scores=[0.4, 0.8]))
    assert found["score"].tolist() == [0.8]


@pytest.mark.parametrize(("least", "kept"), [(0, 2), (10, 2), (10.1, 1), (99, 0)])
def test_min_length(least, kept):
    assert len(MinLength(least)(lines([(0, 0), (10, 0)], [(0, 0), (20, 0)]))) == kept


ROAD_CHAIN = (
    "hysteresis_threshold",
    "closing",
    "remove_specks",
    "centre_lines",
    "drop_spurs",
    "simplify",
    "close_gaps",
    "merge_collinear",
    "join_network",
    "min_length",
)


def chain(*names):
    tasks = {name: load_part("postprocess", name) for name in names}
    return compose({"tasks": tasks, "order": list(names)}, takes=ScoreMap, where="postprocess")


def test_a_road_with_gaps_and_hairs_becomes_a_clean_network():
    from tests.postprocess.made import score_map

    band = np.zeros((120, 200), np.uint8)
    band[58:63, 5:195] = 220  # a road ...
    band[5:115, 98:103] = 220  # ... that crosses another
    band[58:63, 40:48] = 0  # under trees
    band[63:66, 150] = 180  # a hair
    band[10:14, 10:13] = 90  # never sure
    found = chain(*ROAD_CHAIN)(score_map(band, classes=("road",)))
    ends = find_ends(found.geometry.to_numpy())
    assert sorted(ends.degree) == [1, 1, 1, 1, 4]
    assert found.length.sum() == pytest.approx(190 + 110, abs=14)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param(
            ("polygonise", "drop_spurs"), ["drop_spurs` takes lines", "gives polygons"], id="lines"
        ),
        pytest.param(
            ("centre_lines", "min_area"), ["min_area` takes polygons", "gives lines"], id="areas"
        ),
        pytest.param(
            ("points", "simplify", "square_corners"),
            ["takes polygons", "gives points"],
            id="any shape stays",
        ),
        pytest.param(
            ("centre_lines", "polygonise"),
            ["takes a score map", "gives lines"],
            id="two vectorisers",
        ),
    ],
)
def test_refuses_a_task_for_other_shapes(names, words):
    with pytest.raises(ConfigError) as raised:
        chain(*names)
    for word in [*words, "The rule:"]:
        assert word in str(raised.value)


def test_a_buffer_makes_polygons_of_lines():
    assert len(chain("centre_lines", "buffer", "min_area").tasks) == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: StraightenLines(-1),
        lambda: SnapEnds(-1),
        lambda: CloseGaps(-1, 30),
        lambda: CloseGaps(1, 181),
        lambda: DropSpurs(-1),
        lambda: MergeCollinear(200),
        lambda: JoinNetwork(-1),
        lambda: MinLength(-1),
    ],
)
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
