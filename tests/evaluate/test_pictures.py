"""Pictures: what is shown, in which colours, and where."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from PIL import Image
from shapely.geometry import LineString, MultiPolygon, Point, box

from factory_core.evaluate.pictures import (
    NO_DATA,
    _lines,
    _round_length,
    area_window,
    crowded,
    draw_scene,
    natural_colours,
    worst_places,
    worst_scenes,
)
from factory_core.kernel import io
from factory_core.kernel.geo import footprint
from tests.evaluate.conftest import CRS, LEFT, TOP, compare, geobox, make_scene, square


def write(path, pixels, bands, *, dtype="uint8"):
    grid = geobox(height=pixels.shape[1], width=pixels.shape[2])
    io.write_cog(
        path,
        geobox=grid,
        bands=bands,
        dtype=dtype,
        nodata=0,
        blocks=[(grid, pixels.astype(dtype))],
    )
    return grid


@pytest.mark.parametrize(
    ("bands", "shown"),
    [
        pytest.param(("blue", "green", "red", "nir"), [30, 20, 10], id="red, green, blue by name"),
        pytest.param(("b1", "b2", "b3", "b4"), [10, 20, 30], id="else the first three"),
        pytest.param(("pan",), [10, 10, 10], id="one band is grey"),
        pytest.param(("vv", "vh"), [10, 10, 10], id="so are two"),
    ],
)
def test_chooses_bands(tmp_path, bands, shown):
    pixels = np.stack([np.full((20, 30), 10 * (i + 1)) for i in range(len(bands))])
    pixels[:, :5] = 0
    grid = write(tmp_path / "a.tif", pixels, bands)
    image = natural_colours(tmp_path / "a.tif", window=grid, max_px=30)
    assert image[10, 10].tolist() == shown
    assert image[0, 0].tolist() == [NO_DATA] * 3


def test_stretches_other_types_and_shrinks(tmp_path):
    pixels = np.linspace(100, 4000, 200 * 100).reshape(1, 100, 200)
    grid = write(tmp_path / "a.tif", pixels, ("pan",), dtype="uint16")
    image = natural_colours(tmp_path / "a.tif", window=grid, max_px=50)
    assert image.shape == (25, 50, 3)
    assert image.min() < 5
    assert image.max() > 250


def test_a_scene_without_data_can_be_looked_at(tmp_path):
    grid = write(tmp_path / "a.tif", np.zeros((1, 4, 4)), ("pan",), dtype="uint16")
    assert (natural_colours(tmp_path / "a.tif", window=grid, max_px=9) == NO_DATA).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3)])
def test_draws_scenes_of_any_shape(tmp_path, shape):
    from dataclasses import replace

    path = tmp_path / "a.tif"
    grid = write(path, np.full((3, *shape), 90), ("red", "green", "blue"))
    scene = replace(make_scene([("house", square(0, 0, 1))], []), path=path, geobox=grid)
    compared = compare(scene)
    draw_scene(compared, window=grid, max_px=200, out=tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width >= 640
        assert image.height <= 256


def test_the_window_holds_the_area_and_no_more():
    from dataclasses import replace

    scene = replace(make_scene([], []), area=box(LEFT + 10.5, TOP - 30, LEFT + 20, TOP - 5))
    window = area_window(compare(scene))
    assert isinstance(window, GeoBox)
    assert window.boundingbox.bbox == (LEFT + 10, TOP - 30, LEFT + 20, TOP - 5)
    assert str(window.crs) == CRS


def test_worst_first():
    good = compare(make_scene([], [], scene_id="a"))
    bad = compare(
        make_scene([("house", square(100, 80)), ("house", square(105, 80))], [], scene_id="b"),
        match="box",
        iou=0.5,
    )
    assert [c.scene.scene_id for c in worst_scenes([good, bad], count=9)] == ["b", "a"]
    assert [c.scene.scene_id for c in worst_scenes([good, bad], count=1)] == ["b"]
    (place,) = worst_places([good, bad], size_px=50, count=9)
    assert (place.comparison, place.window.shape) == (bad, (50, 60))
    assert (place.missed, place.false) == (2, 0)
    assert worst_places([good], size_px=50, count=9) == []


def test_the_same_error_is_in_one_place_alone():
    # Windows of 70 m from the left, the last moved back to end with the scene, both hold the house.
    scene = make_scene([("house", square(60, 5))], [("house", 0.9, square(100, 5))])
    (place,) = worst_places([compare(scene, match="box", iou=0.5)], size_px=70, count=9)
    assert (place.missed, place.false) == (1, 1)
    assert place.window.boundingbox.left == LEFT + 60


@given(
    height=st.integers(1, 130),
    width=st.integers(1, 130),
    size_px=st.integers(16, 60),
    at=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=12),
)
def test_windows_of_a_grid_hold_every_object_once_and_never_overlap(height, width, size_px, at):
    scene = geobox(height=height, width=width)
    points = np.array([Point(LEFT + x * width, TOP - y * height) for x, y in at], object)
    found = list(crowded(scene, points, size_px=size_px))
    assert sorted(np.concatenate([np.empty(0, int), *(held for _, held in found)])) == list(
        range(len(points))
    )
    views = [footprint(window) for window, _ in found]
    for view, (window, held) in zip(views, found, strict=True):
        assert all(view.buffer(1e-6).contains(point) for point in points[held])
        for shown, side in zip(window.shape, (height, width), strict=True):
            assert shown == side or 0.74 * size_px - 1 <= shown <= 1.5 * size_px + 1
    assert all(one.intersection(two).area < 1e-6 for one, two in itertools.combinations(views, 2))


def test_every_kind_of_geometry_becomes_lines():
    ring = square(0, 0).difference(square(3, 3, 2))
    shapes = np.array(
        [
            ring,
            MultiPolygon([square(20, 0), square(40, 0)]),
            Point(1, 1),
            LineString([(0, 0), (1, 1)]),
        ]
    )
    assert len(_lines(shapes, point_m=1)) == 2 + 2 + 1 + 1
    assert _lines(np.empty(0, object), point_m=1) == []


@pytest.mark.parametrize(
    ("length_m", "bar_m"), [(1, 1), (1.9, 1), (2, 2), (49, 20), (730, 500), (0.07, 0.05)]
)
def test_scale_bars_are_round(length_m, bar_m):
    assert _round_length(length_m) == pytest.approx(bar_m)
