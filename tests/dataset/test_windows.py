"""Windows lie inside their area, and leave little of it out."""

import geopandas as gpd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import box
from shapely.geometry import Point

from factory_core.dataset.windows import place_windows
from factory_core.kernel.geo import footprint, window_at
from tests.tiny_dataset import CRS, PIXEL_M, geobox_of

SCENE = geobox_of(side_px=100)


def area_px(*rectangles):
    """Area on the ground of `(left, top, right, bottom)` in pixels."""
    left, top = SCENE.affine @ (0, 0)
    shapes = [
        box(left + PIXEL_M * a, top - PIXEL_M * d, left + PIXEL_M * c, top - PIXEL_M * b)
        for a, b, c, d in rectangles
    ]
    return gpd.GeoSeries(shapes, crs=CRS)


def places(area, **options):
    return sorted(place_windows(area, scene=SCENE, **options))


def outline(place, *, size_px):
    row, column = place
    return footprint(window_at(SCENE, row=row, column=column, shape=(size_px, size_px)))


@pytest.mark.parametrize(
    ("rectangles", "found"),
    [
        pytest.param([(0, 0, 31, 100)], [], id="a pixel too narrow"),
        pytest.param([(5, 7, 37, 39)], [(7, 5)], id="as large as the window"),
        pytest.param([(5.4, 7.4, 37.4, 39.4)], [(7, 5)], id="off the grid by less than half"),
        pytest.param([(5.8, 7, 37, 39)], [], id="too small by more than half a pixel"),
        pytest.param([(-50, -50, 32, 32)], [(0, 0)], id="reaches out of the scene"),
        pytest.param([(200, 200, 300, 300)], [], id="outside the scene"),
        pytest.param([(0, 0, 70, 32)], [(0, 0), (0, 32), (0, 38)], id="last one moved back"),
        pytest.param([(0, 0, 16, 32), (16, 0, 32, 32)], [(0, 0)], id="touching areas are one"),
        pytest.param([(0, 0, 32, 32), (60, 60, 92, 92)], [(0, 0), (60, 60)], id="two areas"),
        pytest.param(
            [(0, 0, 32, 80), (32, 48, 64, 80)],
            [(0, 0), (32, 0), (48, 0), (48, 32)],
            id="an arm is reached by its last row",
        ),
        pytest.param(
            [(0, 0, 32, 100), (32, 40, 64, 72)],
            [(0, 0), (32, 0), (40, 32), (64, 0), (68, 0)],
            id="an arm between the rows gets a row of its own",
        ),
    ],
)
def test_windows_of_an_area(rectangles, found):
    assert places(area_px(*rectangles), size_px=32) == found


def test_overlap_moves_windows_together():
    assert places(area_px((0, 0, 64, 32)), size_px=32, overlap_px=16) == [(0, 0), (0, 16), (0, 32)]


corners = st.tuples(*[st.floats(-10, 110) for _ in range(4)]).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]) + 1, max(c[1], c[3]) + 1)
)


@given(
    rectangles=st.lists(corners, min_size=1, max_size=4),
    hole=st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(1, 20)),
    size_px=st.integers(4, 40),
    data=st.data(),
)
def test_every_window_lies_inside(rectangles, hole, size_px, data):
    overlap_px = data.draw(st.integers(0, size_px - 1))
    x, y, radius = hole
    left, top = SCENE.affine @ (x, y)
    area = area_px(*rectangles).difference(Point(left, top).buffer(radius * PIXEL_M))
    allowed = area.union_all().buffer(0.75 * PIXEL_M, join_style="mitre")
    found = list(place_windows(area, scene=SCENE, size_px=size_px, overlap_px=overlap_px))
    for row, column in found:
        assert outline((row, column), size_px=size_px).within(allowed)
        assert 0 <= row <= 100 - size_px
        assert 0 <= column <= 100 - size_px
    assert len(set(found)) == len(found)


@given(width=st.integers(20, 100), height=st.integers(20, 100), size_px=st.integers(4, 20))
def test_a_rectangle_is_covered(width, height, size_px):
    area = area_px((0, 0, width, height))
    found = place_windows(area, scene=SCENE, size_px=size_px)
    outlines = [outline(place, size_px=size_px) for place in found]
    covered = gpd.GeoSeries(outlines, crs=CRS).union_all()
    assert covered.symmetric_difference(area.union_all()).area < 1e-6
