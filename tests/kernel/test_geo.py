"""Windows cover every pixel, and places on the ground come out in metres."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from factory_core.kernel import geo

sides = st.integers(1, 90)


def grid(height, width, *, crs="EPSG:32631", side_m=0.5):
    return GeoBox((height, width), Affine(side_m, 0, 500_000, 0, -side_m, 4_900_000), crs)


@given(height=sides, width=sides, size_px=st.integers(8, 40), overlap_px=st.integers(0, 7))
def test_windows_cover_every_pixel(height, width, size_px, overlap_px):
    scene = grid(height, width)
    seen = np.zeros((height, width), bool)
    for window in geo.cut_windows(scene, size_px=size_px, overlap_px=overlap_px):
        row, column = geo.offset_px(window, of=scene)
        assert window.shape == (size_px, size_px)
        assert row + size_px <= max(height, size_px)
        assert column + size_px <= max(width, size_px)
        seen[row : row + size_px, column : column + size_px] = True
    assert seen.all()


@given(length_px=sides, size_px=st.integers(8, 40), overlap_px=st.integers(0, 7))
def test_neighbours_share_at_least_the_overlap(length_px, size_px, overlap_px):
    starts = geo.starts_px(length_px, size_px=size_px, overlap_px=overlap_px)
    assert len(set(starts)) == len(starts)
    assert all(0 < step <= size_px - overlap_px for step in np.diff(starts))


@pytest.mark.parametrize("overlap_px", [-1, 8, 9])
def test_refuses_an_overlap_that_does_not_advance(overlap_px):
    with pytest.raises(ValueError, match="Use a quarter of the window: 2"):
        list(geo.cut_windows(grid(20, 20), size_px=8, overlap_px=overlap_px))


@pytest.mark.parametrize(
    ("crs", "expected"),
    [
        pytest.param("EPSG:32631", True, id="UTM"),
        pytest.param("EPSG:3857", True, id="web Mercator counts in metres"),
        pytest.param("EPSG:4326", False, id="degrees"),
        pytest.param("EPSG:2263", False, id="US feet"),
    ],
)
def test_knows_a_crs_in_metres(crs, expected):
    assert geo.is_metric(crs) is expected


def test_a_scene_in_degrees_gets_its_utm_zone_and_size_in_metres():
    degrees = GeoBox((100, 100), Affine(1e-5, 0, 3.0, 0, -1e-5, 45.0), "EPSG:4326")
    assert geo.metric_crs(degrees) == "EPSG:32631"
    # A degree at 45 north is 111.1 km high and 78.8 km wide.
    assert geo.resolution_m(degrees) == pytest.approx((1.111 * 0.788) ** 0.5, rel=5e-3)


def test_a_scene_in_metres_keeps_its_crs():
    assert geo.metric_crs(grid(10, 10)) == "EPSG:32631"
    assert geo.resolution_m(grid(10, 10, side_m=0.3)) == pytest.approx(0.3)


def test_corners_of_oriented_boxes():
    boxes = np.array([[10, 20, 6, 2, 0], [0, 0, 6, 2, np.pi / 2]])
    upright, standing = geo.oriented_corners(boxes)
    np.testing.assert_allclose(upright, [[7, 19], [13, 19], [13, 21], [7, 21]])
    np.testing.assert_allclose(standing, [[1, -3], [1, 3], [-1, 3], [-1, -3]])
    assert geo.oriented_corners(np.empty((0, 5))).shape == (0, 4, 2)


def test_footprint_is_the_outline():
    assert geo.footprint(grid(10, 20)).bounds == (500_000, 4_899_995, 500_010, 4_900_000)
