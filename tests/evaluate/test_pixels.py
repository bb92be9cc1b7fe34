"""Pixel IoU on squares whose pixels can be counted by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from factory_core.evaluate import pixels
from factory_core.evaluate.pixels import PixelIou, count_pixels
from tests.evaluate.conftest import CLASSES, LEFT, TOP, make_results, make_scene, square
from tests.evaluate.detection.made import numbers


@pytest.mark.parametrize(
    ("labels", "detections", "expected"),
    [
        pytest.param([], [], [[0, 0], [0, 0]], id="nothing"),
        pytest.param([("house", square(0, 0))], [], [[0, 100], [0, 0]], id="missed"),
        pytest.param([], [("road", 0.5, square(0, 0))], [[0, 0], [0, 100]], id="false"),
        pytest.param(
            [("house", square(0, 0))],
            [("house", 0.5, square(5, 0)), ("road", 0.5, square(0, 0))],
            [[50, 150], [0, 100]],
            id="half, and another class on top",
        ),
        pytest.param(
            [("house", square(0, 0)), ("house", square(0, 0))],
            [("house", 0.5, square(0, 0)), ("house", 0.5, square(0, 0))],
            [[100, 100], [0, 0]],
            id="a pixel counts once",
        ),
        pytest.param([("house", square(115, 95))], [], [[0, 25], [0, 0]], id="over the edge"),
    ],
)
def test_counts_pixels(labels, detections, expected):
    assert count_pixels(make_scene(labels, detections), classes=CLASSES).tolist() == expected


def test_only_the_area_counts():
    scene = make_scene([("house", square(0, 0))], [("house", 0.5, square(5, 0))])
    scene = replace(scene, area=box(LEFT, TOP - 100, LEFT + 10, TOP))
    assert count_pixels(scene, classes=CLASSES).tolist() == [[50, 100], [0, 0]]


squares = st.lists(st.tuples(st.integers(0, 110), st.integers(0, 90)), max_size=5)


@given(labels=squares, detections=squares, window_px=st.integers(7, 130))
def test_the_size_of_the_window_does_not_matter(labels, detections, window_px):
    scene = make_scene(
        [("house", square(*at)) for at in labels],
        [("house", 0.5, square(*at)) for at in detections],
    )
    whole = count_pixels(scene, classes=CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels, "WINDOW_PX", window_px)
        assert count_pixels(scene, classes=CLASSES).tolist() == whole.tolist()


def test_a_class_that_covers_nothing_is_not_in_the_mean():
    scene = make_scene([("house", square(0, 0))], [("house", 0.5, square(5, 0))])
    found = numbers(PixelIou(), make_results(scene))
    assert found["pixel_iou"] == found["by_class/house/pixel_iou"] == 50 / 150
    assert np.isnan(found["by_class/road/pixel_iou"])
