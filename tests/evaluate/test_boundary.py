"""Boundary IoU on squares whose edges can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory_core.evaluate import pixels
from factory_core.evaluate.segmentation.boundary import count_edges
from tests.evaluate.conftest import CLASSES, make_scene, square


def counted(labels, detections, *, distance_m=1.0):
    scene = make_scene(
        [("house", square(*at)) for at in labels],
        [("house", 0.5, square(*at)) for at in detections],
    )
    found = count_edges(scene, classes=CLASSES, distance_m=distance_m)
    assert not found[1].any()
    return found[0].tolist()


@pytest.mark.parametrize(
    ("labels", "detections", "distance_m", "expected"),
    [
        pytest.param([], [], 1, [0, 0], id="nothing"),
        # Of 10 x 10 pixels the inner 8 x 8 are no edge.
        pytest.param([(20, 20)], [], 1, [0, 36], id="missed"),
        pytest.param([(20, 20)], [(20, 20)], 1, [36, 36], id="the same"),
        pytest.param([(20, 20)], [(20, 20)], 2, [64, 64], id="the same, deeper"),
        pytest.param([(20, 20)], [(20, 20)], 9, [100, 100], id="deeper than it is"),
        # Moved by one: the upper and lower rows, less a pixel, are common: 2 x 9.
        pytest.param([(20, 20)], [(21, 20)], 1, [18, 54], id="moved by a pixel"),
        # The inside of a ring is not counted: both edges are 1 deep.
        pytest.param([(20, 20, 20)], [(22, 22, 16)], 1, [0, 76 + 60], id="one in the other"),
        pytest.param([(0, 0)], [], 1, [0, 36], id="the edge of the scene is an edge"),
        # 2 % of the diagonal of 100 x 120 pixels are 3: all but 4 x 4.
        pytest.param([(20, 20)], [], 0, [0, 84], id="as in the paper"),
    ],
)
def test_counts_edges(labels, detections, distance_m, expected):
    assert counted(labels, detections, distance_m=distance_m) == expected


# As `mask_to_boundary` of the authors (github.com/bowenc0221/boundary-iou-api) does it with OpenCV:
# eroded by 3 x 3 pixels as often as the distance says, with background around the image.
def eroded(mask):
    wide = np.pad(mask, 1)
    parts = [wide[r : r + mask.shape[0], c : c + mask.shape[1]] for r in range(3) for c in range(3)]
    return np.all(parts, axis=0)


places = st.lists(
    st.tuples(st.integers(-5, 115), st.integers(-5, 95), st.integers(1, 40)), max_size=4
)


@settings(max_examples=20)
@given(labels=places, detections=places, depth=st.integers(1, 6), window_px=st.integers(7, 130))
def test_windows_give_what_the_authors_code_gives_on_the_whole(
    labels, detections, depth, window_px
):
    edges = []
    for side in (labels, detections):
        mask = np.zeros((100, 120), bool)
        for x, y, length in side:
            mask[max(y, 0) : max(y + length, 0), max(x, 0) : max(x + length, 0)] = True
        inner = mask
        for _ in range(depth):
            inner = eroded(inner)
        edges.append(mask & ~inner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixels, "WINDOW_PX", window_px)
        found = counted(labels, detections, distance_m=depth)
    assert found == [np.sum(edges[0] & edges[1]), np.sum(edges[0] | edges[1])]
