"""COCO as others write and read it."""

import json

import numpy as np
import pytest
from pycocotools import mask
from pycocotools.coco import COCO
from shapely.geometry import box

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Ledger
from factory_core.sources.formats.coco import Coco
from tests.contract.exchange import SHAPES, annotate

IMAGES = [{"id": 7, "file_name": "train/a.png", "width": 80, "height": 60}]


@pytest.fixture
def source(tmp_path):
    def write(*annotations, images=IMAGES, **further):
        content = {"images": images, "categories": [{"id": 3, "name": "hut"}], **further}
        content["annotations"] = [{"image_id": 7, "category_id": 3, **each} for each in annotations]
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(content))
        return path

    return write


def test_a_box_is_its_corner_width_and_height(source, read):
    ((scene_id, label, shape, _),), *_ = read(Coco(), source({"id": 1, "bbox": [10, 20, 30, 5]}))
    assert (scene_id, label) == ("a", "hut")
    assert shape.equals(box(10, 20, 40, 25))


def test_masks_become_their_pixels(source, read):
    pixels = np.zeros((60, 80), np.uint8)
    pixels[10:20, 30:50] = 1
    pixels[40:45, 5:9] = 1
    packed = mask.encode(np.asfortranarray(pixels))
    runs = np.flatnonzero(np.diff(np.r_[0, pixels.ravel(order="F"), 0]))
    counts = np.diff(np.r_[0, runs, pixels.size]).tolist()
    for stated in ({"size": [60, 80], "counts": packed["counts"].decode()},
                   {"size": [60, 80], "counts": counts}):  # fmt: skip
        rows, *_ = read(Coco(), source({"id": 1, "segmentation": stated, "iscrowd": 1}))
        ((_, _, shape, attributes),) = rows
        assert shape.equals(box(30, 10, 50, 20).union(box(5, 40, 9, 45)))
        assert attributes == {"iscrowd": 1}


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param({"size": [60, 80], "counts": [5, 6]}, id="too few pixels"),
        pytest.param({"size": [60, 80], "counts": [4790, "x"]}, id="no number"),
        pytest.param({"size": [60, 80], "counts": "abc"}, id="damaged text"),
        pytest.param({"size": [600, 800], "counts": [480_000]}, id="another size"),
        pytest.param({"size": [60], "counts": [4800]}, id="half a size"),
        pytest.param({"size": [60, 80], "counts": [4800]}, id="no pixel"),
        pytest.param({"size": [60, 80], "counts": [-5, 4805]}, id="negative"),
        pytest.param({"size": [10**9, 10**9], "counts": [10**18]}, id="huge"),
    ],
)
def test_bad_masks_are_refused(source, read, stated):
    with pytest.raises(LabelError, match="annotation 1: "):
        read(Coco(), source({"id": 1, "segmentation": stated, "bbox": [1, 1, 2, 2]}))


def test_overlapping_rings_are_their_sum(source, read):
    rings = [[0, 0, 20, 0, 20, 20, 0, 20], [10, 0, 30, 0, 30, 20, 10, 20]]
    ((_, _, shape, _),), *_ = read(Coco(), source({"id": 1, "segmentation": rings}))
    assert shape.equals(box(0, 0, 30, 20))


def test_boxes_alone_on_demand(source, read):
    ring = [0, 0, 20, 0, 10, 20]
    record = {"id": 1, "segmentation": [ring], "bbox": [0, 0, 20, 20]}
    ((_, _, shape, _),), *_ = read(Coco(outline=False), source(record))
    assert shape.equals(box(0, 0, 20, 20))


def test_attributes_are_kept_and_what_is_nested_is_counted(source, read):
    record = {"id": 1, "bbox": [0, 0, 9, 9], "score": 0.5, "keypoints": [1, 2, 2]}
    record |= {"attributes": {"roof": "tin", "label": "x"}, "note": "small"}
    ((_, _, _, attributes),), _, ledger = read(Coco(), source(record))
    assert attributes == {"roof": "tin", "label_": "x", "note": "small", "score": 0.5}
    assert ledger.lost == {"nested attributes": 1}


@pytest.mark.parametrize(
    ("listed", "further", "message"),
    [
        pytest.param([{**IMAGES[0], "width": 160}], {}, "image 7: .*160 x 60", id="another size"),
        pytest.param([*IMAGES, {**IMAGES[0], "id": 8}], {}, "listed twice", id="image twice"),
        pytest.param([*IMAGES, IMAGES[0]], {}, "the id 7 stands twice", id="id twice"),
        pytest.param([{**IMAGES[0], "file_name": "../../a.png"}], {}, "file name", id="climbs"),
        pytest.param([{"id": 7}], {}, "no key 'file_name'", id="no name"),
        pytest.param(IMAGES, {"categories": {}}, "'categories' must be list", id="wrong kind"),
        pytest.param(IMAGES, {"categories": [{"id": 3}]}, "category 3: no key", id="no class name"),
    ],
)
def test_bad_parts_are_named(source, read, listed, further, message):
    with pytest.raises(LabelError, match=rf"labels\.json.*{message}"):
        read(Coco(), source({"id": 1, "bbox": [0, 0, 9, 9]}, images=listed, **further))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_what_is_written(images, tmp_path):
    rows = [{"label": "hut", "geometry": SHAPES[name]} for name in ("boxes", "several parts")]
    Coco().write(annotate(images, rows), tmp_path / "out.json", ledger=Ledger())
    found = COCO(str(tmp_path / "out.json"))
    assert len(found.getImgIds()) == 2
    for number, row in enumerate(rows, start=1):
        record = found.anns[number]
        x, y, width, height = record["bbox"]
        assert (x, y, x + width, y + height) == pytest.approx(row["geometry"].bounds)
        assert record["area"] == pytest.approx(row["geometry"].area)
        assert found.annToMask(record).sum() == pytest.approx(row["geometry"].area, rel=0.2)
