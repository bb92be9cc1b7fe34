"""The fields of the targets."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString

from factory_core.dataset.boxes import BoundingBoxes
from factory_core.dataset.mask import Mask
from factory_core.kernel.geo import window_at
from tests.tiny_dataset import CRS, geobox_of, square

SCENE = geobox_of()
WINDOW = window_at(SCENE, row=20, column=30, shape=(32, 32))


def frame(*shapes, classes=None):
    return gpd.GeoDataFrame(
        {"class_index": classes or [0] * len(shapes)}, geometry=list(shapes), crs=CRS
    )


@pytest.mark.parametrize(
    ("min_share_inside", "kept"),
    [
        pytest.param(0.25, 1, id="limit itself is kept"),
        pytest.param(0.26, 0, id="less inside than asked"),
        pytest.param(1.0, 0, id="only whole boxes"),
    ],
)
def test_a_box_cut_by_the_edge_needs_its_share_inside(min_share_inside, kept):
    quarter_inside = square(SCENE, row=16, column=26, side_px=8)
    assert len(BoundingBoxes(min_share_inside)(frame(quarter_inside), window=WINDOW)) == kept


def test_a_smaller_label_is_seen_over_a_larger():
    small, large = (square(SCENE, row=24, column=34, side_px=side) for side in (4, 16))
    mask = Mask()(frame(small, large, classes=[0, 1]), window=WINDOW)
    assert (mask == 1).sum() == 16
    assert (mask == 2).sum() == 256 - 16


def test_lines_are_as_wide_as_told():
    left, top = SCENE.affine @ (30, 36)
    line = LineString([(left, top), (left + 16, top)])
    mask = Mask(line_width_m=2.0)(frame(line), window=WINDOW)
    assert np.flatnonzero(mask.any(axis=1)).tolist() == [14, 15, 16, 17]


@pytest.mark.parametrize(
    "make", [lambda: BoundingBoxes(0.0), lambda: BoundingBoxes(1.1), lambda: Mask(-1.0)]
)
def test_refuses_a_value_out_of_range(make):
    with pytest.raises(ValueError, match="Received"):
        make()
