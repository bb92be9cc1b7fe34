"""The pictures of post-processing: what a part does can be seen in them."""

from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from factory_core.kernel import config
from factory_core.kernel.parts import list_parts, load_part

FILE = Path(__file__).parents[2] / "docs/before_and_after.py"
GAP_PX = 16
VISIBLE = 40


@pytest.fixture(scope="module")
def pictures():
    spec = spec_from_file_location("before_and_after", FILE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def panels(pictures, name):
    """Before and after, `(row, column, colour)`."""
    (part,) = (part for part in list_parts("postprocess") if part.name == name)
    with Image.open(BytesIO(pictures.draw(part))) as image:
        both = np.asarray(image.convert("RGB")).astype(int)
    side = (both.shape[1] - GAP_PX) // 2
    return both[:, :side], both[:, side + GAP_PX :]


@pytest.mark.parametrize(
    ("name", "least"),
    [("fill_holes", 0.003), ("hysteresis_threshold", 0.02), ("drop_spurs", 0.002)],
)
def test_the_change_can_be_seen(pictures, name, least):
    before, after = panels(pictures, name)
    assert (abs(before - after).max(axis=-1) > VISIBLE).mean() > least


@pytest.mark.parametrize("name", ["boxes", "polygonise"])
def test_outlines_are_as_large_as_what_they_are_drawn_around(pictures, name):
    before, after = (
        abs(panel - pictures.PAPER).max(axis=-1) > VISIBLE for panel in panels(pictures, name)
    )
    bar = np.s_[104:190, 16:104]
    for axis in (0, 1):
        seen, drawn = (np.flatnonzero(panel[bar].any(axis=axis)) for panel in (before, after))
        assert abs(seen[[0, -1]] - drawn[[0, -1]]).max() <= 1


def test_small_squares_stay_squares(pictures):
    task = config.build(
        load_part("postprocess", "simplify") | pictures.SETTINGS["simplify"], where="simplify"
    )
    before = pictures._detections("polygons")
    after = task(before)
    squares = before.area < 5
    assert squares.sum() == 2
    assert (after.count_coordinates()[squares] == 5).all()
    assert (after.count_coordinates() < before.count_coordinates()).any()
