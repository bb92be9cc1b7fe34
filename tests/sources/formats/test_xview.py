"""xView as it is shared."""

import json

import pytest

from factory_core.kernel.errors import LabelError
from factory_core.sources.formats.xview import XView
from factory_core.sources.formats.xview_classes import CLASSES


def feature(**properties):
    stated = {"bounds_imcoords": "5,6,25,16", "type_id": 18, "image_id": "a.tif", **properties}
    return {"type": "Feature", "properties": stated, "geometry": None}


@pytest.fixture
def write(tmp_path):
    def go(*features):
        path = tmp_path / "xView_train.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return path

    return go


def test_has_all_classes_and_no_slash():
    assert (len(CLASSES), len(set(CLASSES.values()))) == (60, 60)
    assert not any("/" in name for name in CLASSES.values())


def test_reads_boxes_in_pixels(read, write):
    source = write(feature(feature_id=374410, cat_id="x"), feature(type_id=73, image_id="b.tif"))
    rows, _, _ = read(XView(), source)
    (first, second) = rows
    assert first[:2] == ("a", "Small Car")
    assert first[2].bounds == pytest.approx((5, 6, 25, 16))
    assert first[3] == {"feature_id": 374410, "cat_id": "x"}
    assert second[:2] == ("b", "Building")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        pytest.param({"type_id": 75}, "`type_id` 75 is none of", id="no class"),
        pytest.param({"bounds_imcoords": "5,6,25"}, "xmin,ymin,xmax,ymax", id="three sides"),
        pytest.param({"bounds_imcoords": "25,6,5,16"}, "no width", id="corners exchanged"),
        pytest.param({"bounds_imcoords": "5,6,x,16"}, "finite number", id="no number"),
        pytest.param({"image_id": "c.tif"}, "no image 'c.tif'", id="no image"),
        pytest.param({"image_id": "../a.tif"}, "no file name inside", id="climbs out"),
        pytest.param({"bounds_imcoords": "500,6,525,16"}, "outside its image", id="outside"),
    ],
)
def test_bad_features_are_refused_by_their_number(read, write, properties, message):
    source = write(feature(), feature(**properties))
    with pytest.raises(LabelError, match=rf"xView_train\.geojson, feature 2: .*{message}"):
        read(XView(), source)
    rows, _, ledger = read(XView(), source, keep_going=True)
    assert (len(rows), len(ledger.problems)) == (1, 1)
