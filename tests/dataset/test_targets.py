"""What each target draws, by its fields and at the edges of a window."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, label
from shapely import LineString, MultiPolygon, Point, Polygon, box
from shapely.affinity import rotate

from factory_core.dataset.boxes import BoundingBoxes
from factory_core.dataset.distances import Distances
from factory_core.dataset.edges import Edges
from factory_core.dataset.lines import Lines
from factory_core.dataset.mask import Mask
from factory_core.dataset.oriented_boxes import MinimumRectangles
from factory_core.dataset.target import Outlines

SIDE = 32
PIXEL_M = 0.5


def outlines(*shapes, classes=None, side=SIDE):
    numbers = np.array(classes or [0] * len(shapes), np.int64)
    return Outlines(np.array(shapes, object), numbers, (side, side), PIXEL_M)


@pytest.mark.parametrize("target", [BoundingBoxes, MinimumRectangles])
@pytest.mark.parametrize(
    ("min_share_inside", "kept"),
    [
        pytest.param(0.25, 1, id="limit itself is kept"),
        pytest.param(0.26, 0, id="less inside than asked"),
        pytest.param(1.0, 0, id="only whole boxes"),
    ],
)
def test_a_box_cut_by_the_edge_needs_its_share_inside(target, min_share_inside, kept):
    quarter_inside = outlines(box(-4, -4, 4, 4))
    assert len(target(min_share_inside)(quarter_inside)) == kept
    assert target(min_share_inside).sees(quarter_inside).sum() == kept


def test_points_become_squares_of_the_size_told():
    boxes = BoundingBoxes(point_size_m=4.0)(outlines(Point(10, 12), Point(0, 12)))
    assert boxes.xyxy_px.tolist() == [[6, 8, 14, 16], [0, 8, 4, 16]]


def test_a_smaller_label_is_seen_over_a_larger():
    mask = Mask()(outlines(box(4, 4, 8, 8), box(4, 4, 20, 20), classes=[0, 1]))
    assert (mask == 1).sum() == 16
    assert (mask == 2).sum() == 256 - 16


@pytest.mark.parametrize(
    ("target", "first", "last"),
    [
        pytest.param(Mask(line_width_m=2.0), 6, 25, id="mask: round"),
        pytest.param(Lines(width_m=2.0), 6, 25, id="round"),
        pytest.param(Lines(width_m=2.0, cap="flat"), 8, 23, id="flat"),
    ],
)
def test_lines_are_as_wide_as_told_and_end_where_told(target, first, last):
    mask = target(outlines(LineString([(8, 16), (24, 16)])))
    assert np.flatnonzero(mask.any(axis=1)).tolist() == [14, 15, 16, 17]
    columns = np.flatnonzero(mask.any(axis=0))
    assert (columns[0], columns[-1]) == (first, last)


@pytest.mark.parametrize("cap", ["round", "flat"])
def test_a_line_that_leaves_the_window_goes_on_to_its_edge(cap):
    mask = Lines(width_m=2.0, cap=cap)(outlines(LineString([(-40, 16), (80, 16)])))
    assert mask.any(axis=0).all()


@given(angle=st.floats(0, 180), x=st.floats(12, 20), y=st.floats(12, 20))
def test_a_line_thinner_than_a_pixel_has_no_holes(angle, x, y):
    line = rotate(LineString([(x - 60, y), (x + 60, y)]), angle, origin=(x, y))
    mask = Lines(width_m=0.01, cap="flat")(outlines(line))
    _, parts = label(mask, structure=np.ones((3, 3)))
    assert parts == 1
    along = mask.any(axis=0) if 45 <= angle % 180 <= 135 else mask.any(axis=1)
    assert mask.any()
    assert mask.sum() <= 3 * max(along.sum(), SIDE)


def test_two_houses_in_a_row_are_parted_by_their_edge():
    drawn = Edges(width_m=1.0)(outlines(box(4, 8, 14, 20), box(14, 8, 24, 20)))
    assert label(drawn[..., 0])[1] == 1
    assert label((drawn[..., 0] > 0) & (drawn[..., 1] == 0))[1] == 2
    assert drawn[10, 13:15, 1].tolist() == [1, 1]


def test_an_edge_is_as_wide_as_told_and_at_least_a_pixel():
    house = outlines(box(8, 8, 24, 24))
    assert Edges(width_m=2.0)(house)[16, :, 1].tolist() == [
        int(column in (6, 7, 8, 9, 22, 23, 24, 25)) for column in range(SIDE)
    ]
    assert Edges(width_m=0.0)(house)[16, :, 1].sum() == 2


def test_the_edge_of_the_window_is_no_edge_of_an_object():
    drawn = Edges(width_m=1.0)(outlines(box(-10, 8, 16, 24)))
    assert drawn[16, 0].tolist() == [1, 0]


def test_a_courtyard_has_edges_too():
    ring = Polygon(box(4, 4, 28, 28).exterior.coords, [box(12, 12, 20, 20).exterior.coords])
    drawn = Edges()(outlines(ring))
    assert drawn[16, 16].tolist() == [0, 0]
    assert drawn[16, 11:13, 1].tolist() == [1, 1]


@given(
    width=st.integers(3, 30),
    height=st.integers(3, 30),
    left=st.integers(-12, 20),
    angle=st.floats(0, 90),
)
def test_distances_are_those_of_the_whole_object(width, height, left, angle):
    shape = rotate(box(left, 4, left + width, 4 + height), angle)
    drawn = Distances()(outlines(shape))
    wide = Distances()(
        Outlines(
            np.array([shapely.transform(shape, lambda points: points + 50)], object),
            np.zeros(1, np.int64),
            (132, 132),
            PIXEL_M,
        )
    )
    assert np.array_equal(drawn, wide[50 : 50 + SIDE, 50 : 50 + SIDE])
    inside = drawn[..., 0] > 0
    assert np.array_equal(inside, drawn[..., 1] > 0)
    # An independent way, over pixels: right to about a pixel.
    euclidean = distance_transform_edt(wide[..., 0])
    deepest_px = min(width, height) / 2
    seen = wide[..., 1] / 255 * deepest_px
    assert np.abs(seen - euclidean)[wide[..., 0] > 0].max() <= 1.3


def test_each_object_has_its_own_peak():
    drawn = Distances()(outlines(box(2, 8, 14, 20), box(14, 8, 20, 20)))
    assert drawn[14, 8, 1] > 225
    assert drawn[14, 16:18, 1].min() > 200
    assert drawn[14, 13:15, 1].max() < 60


def test_parts_of_one_label_are_one_object():
    drawn = Distances()(outlines(MultiPolygon([box(2, 2, 12, 12), box(20, 20, 24, 24)])))
    assert drawn[6:8, 6:8, 1].max() > 225
    assert 70 < drawn[21:23, 21:23, 1].max() < 80


@given(
    x=st.floats(8, 24),
    y=st.floats(8, 24),
    length=st.floats(4, 12),
    share=st.floats(0.2, 0.9),
    angle=st.floats(-90, 90),
)
def test_a_rectangle_is_its_own_oriented_box(x, y, length, share, angle):
    width = share * length
    shape = rotate(box(x - length / 2, y - width / 2, x + length / 2, y + width / 2), angle)
    ((cx, cy, found_length, found_width, radians),) = (
        MinimumRectangles(0.1)._whole(outlines(shape)).xylwa
    )
    np.testing.assert_allclose(
        [cx, cy, found_length, found_width], [x, y, length, width], rtol=1e-4
    )
    assert -np.pi / 2 - 1e-6 <= radians < np.pi / 2
    turned = abs(radians - np.radians(angle)) % np.pi
    assert min(turned, np.pi - turned) < 1e-3


@given(points=st.lists(st.tuples(st.floats(2, 30), st.floats(2, 30)), min_size=3, max_size=8))
def test_no_direction_gives_a_smaller_rectangle(points):
    hull = shapely.convex_hull(shapely.multipoints(points))
    if hull.area < 1:
        return
    boxes = MinimumRectangles(0.01)._whole(outlines(hull))
    area = float(boxes.xylwa[0, 2] * boxes.xylwa[0, 3])
    assert area >= hull.area * 0.999
    around = shapely.polygons(boxes.corners_px())[0]
    assert around.buffer(0.01).contains(hull)
    for degrees in range(0, 90, 3):
        left, low, right, high = rotate(hull, degrees).bounds
        assert area <= (right - left) * (high - low) * 1.001


def test_corners_go_clockwise_as_one_sees_them():
    boxes = MinimumRectangles()(outlines(rotate(box(8, 12, 24, 20), 30)))
    (corners,) = boxes.corners_px()
    x, y = corners.T
    # y points down: what is clockwise for the eye has a positive area by the shoelace formula.
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0


def test_cutting_an_oriented_box_does_not_turn_it():
    boxes = MinimumRectangles(0.1)(outlines(rotate(box(-10, 12, 20, 18), 20)))
    ((x, _, length, width, angle),) = boxes.xylwa
    assert np.degrees(angle) == pytest.approx(20, abs=0.01)
    assert 0 < x < SIDE
    assert length < 30
    assert width == pytest.approx(6, abs=0.01)
    corners = boxes.corners_px()[0]
    assert corners[:, 0].min() >= -6 * np.sin(np.radians(20)) - 0.01


@pytest.mark.parametrize(
    "make",
    [
        lambda: BoundingBoxes(0.0),
        lambda: BoundingBoxes(1.1),
        lambda: BoundingBoxes(point_size_m=-1.0),
        lambda: MinimumRectangles(0.0),
        lambda: Mask(-1.0),
        lambda: Lines(0.0),
        lambda: Edges(-1.0),
    ],
)
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
