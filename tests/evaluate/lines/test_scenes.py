"""Lines at the edge of the area of a split."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from tests.evaluate.conftest import LEFT, TAXONOMY, TOP, detections_frame, make_scene


def line(*places):
    return shapely.LineString([(LEFT + x, TOP - y) for x, y in places])


# The left half of the scene.
AREA = shapely.box(LEFT, TOP - 100, LEFT + 50, TOP)


@pytest.mark.parametrize(
    ("detection", "length_m"),
    [
        pytest.param(line((10, 10), (40, 10)), 30, id="inside"),
        pytest.param(line((60, 10), (90, 10)), 0, id="outside"),
        pytest.param(line((40, 10), (90, 10)), 10, id="its middle is outside"),
        pytest.param(line((10, 10), (60, 10)), 40, id="its middle is inside"),
        pytest.param(line((40, 10), (60, 10), (60, 20), (40, 20)), 20, id="twice across"),
        pytest.param(line((50, 10), (60, 10)), 0, id="touches it"),
        pytest.param(line((50, 10), (50, 20), (60, 20)), 10, id="along the edge"),
    ],
)
def test_of_a_line_the_part_in_the_area_counts(detection, length_m):
    scene = replace(make_scene([], []), area=AREA)
    frame = detections_frame([("road", 0.5, detection)])
    before = frame.copy(deep=True)
    found = scene.detecting(frame, taxonomy=TAXONOMY).detections
    assert found.length.sum() == pytest.approx(length_m)
    assert len(found) == (length_m > 0)
    assert frame.equals(before)
