"""What every target promises, tested for each YAML in `conf/target/`."""

import geopandas as gpd
import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal

from factory_core.dataset.sample import Boxes
from factory_core.kernel import config
from factory_core.kernel.geo import window_at
from factory_core.kernel.parts import list_parts, load_part
from tests.tiny_dataset import CRS, geobox_of, square

SCENE = geobox_of()
WINDOW = window_at(SCENE, row=20, column=30, shape=(32, 32))


@pytest.fixture(params=[part.name for part in list_parts("target")])
def target(request):
    return config.build(load_part("target", request.param), where="target")


def labels(*places, classes=None):
    shapes = [square(SCENE, row=r, column=c, side_px=s) for r, c, s in places]
    return gpd.GeoDataFrame({"class_index": classes or [0] * len(shapes)}, geometry=shapes, crs=CRS)


def drawn_area_px(drawn):
    if isinstance(drawn, Boxes):
        return float(np.prod(drawn.xyxy_px[:, 2:] - drawn.xyxy_px[:, :2], axis=1).sum())
    return float((drawn > 0).sum())


@pytest.mark.parametrize(
    ("places", "area_px"),
    [
        pytest.param([], 0, id="no label"),
        pytest.param([(0, 0, 10)], 0, id="outside the window"),
        pytest.param([(24, 34, 8)], 64, id="inside"),
        pytest.param([(20, 30, 32)], 1024, id="as large as the window"),
        pytest.param([(0, 0, 96)], None, id="larger than the window"),
        pytest.param([(24, 24, 12)], 72, id="cut by the edge"),
    ],
)
def test_draws_labels_where_they_are(target, places, area_px):
    drawn = target(labels(*places), window=WINDOW)
    assert isinstance(drawn, Boxes) == (target.form == "boxes")
    if area_px is not None:
        assert drawn_area_px(drawn) == area_px


def test_a_label_over_everything_fills_a_mask_and_is_no_box(target):
    drawn = target(labels((0, 0, 96)), window=WINDOW)
    assert drawn_area_px(drawn) == (0 if target.form == "boxes" else 1024)


def test_states_the_class(target):
    drawn = target(labels((24, 34, 8), (40, 50, 6), classes=[2, 0]), window=WINDOW)
    if target.form == "boxes":
        assert drawn.classes.tolist() == [2, 0]
        assert drawn.xyxy_px.tolist() == [[4, 4, 12, 12], [20, 20, 26, 26]]
    else:
        assert drawn[4, 4] == 3
        assert drawn[20, 20] == 1
        assert np.unique(drawn).tolist() == [0, 1, 3]


def test_leaves_its_input_alone(target):
    given = labels((24, 34, 8))
    before = given.copy(deep=True)
    target(given, window=WINDOW)
    assert_geodataframe_equal(given, before)


def test_draws_every_kind_of_geometry_it_names(target):
    from shapely import LineString, MultiLineString, MultiPolygon

    shape = square(SCENE, row=24, column=34, side_px=8)
    line = LineString(list(shape.exterior.coords)[:2])
    kinds = {
        "Polygon": shape,
        "MultiPolygon": MultiPolygon([shape]),
        "LineString": line,
        "MultiLineString": MultiLineString([line]),
    }
    for kind in target.geometry_types:
        frame = gpd.GeoDataFrame({"class_index": [0]}, geometry=[kinds[kind]], crs=CRS)
        assert drawn_area_px(target(frame, window=WINDOW)) > 0
