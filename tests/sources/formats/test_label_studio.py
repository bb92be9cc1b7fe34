"""Label Studio: every kind of region, and regions that are broken."""

import json

import pytest

from factory_core.kernel.errors import LabelError
from factory_core.sources.formats.label_studio import LabelStudio

BOX = {"x": 10, "y": 10, "width": 25, "height": 20}


def region(kind="rectanglelabels", value=None, label="car", **members):
    stated = {**(BOX if value is None else value), kind: [label]}
    return {"type": kind, "value": stated, "original_width": 80, "original_height": 60, **members}


@pytest.fixture
def write(tmp_path):
    def go(*regions, image="images/a.png", **members):
        task = {"id": 7, "data": {"image": image}, "annotations": [{"id": 1, "result": [*regions]}]}
        path = tmp_path / "export.json"
        path.write_text(json.dumps([{**task, **members}]))
        return path

    return go


@pytest.mark.parametrize(
    ("given", "kind", "bounds"),
    [
        pytest.param(region(), "Polygon", (8, 6, 28, 18), id="box"),
        pytest.param(
            region("polygonlabels", {"points": [[0, 0], [50, 0], [50, 50]], "closed": True}),
            "Polygon",
            (0, 0, 40, 30),
            id="polygon",
        ),
        pytest.param(
            region("keypointlabels", {"x": 50, "y": 50, "width": 1}),
            "Point",
            (40, 30, 40, 30),
            id="key point",
        ),
        pytest.param(
            region("ellipselabels", {"x": 50, "y": 50, "radiusX": 25, "radiusY": 10}),
            "Polygon",
            (20, 24, 60, 36),
            id="ellipse",
        ),
    ],
)
def test_reads_every_shape(read, write, given, kind, bounds):
    ((scene_id, label, geometry, _),), _, _ = read(LabelStudio(), write(given))
    assert (scene_id, label, geometry.geom_type) == ("a", "car", kind)
    assert geometry.bounds == pytest.approx(bounds)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param("/data/local-files/?d=project/images/a.png", id="local storage"),
        pytest.param("/data/upload/3/1f2e3d4c-a.png", id="upload"),
        pytest.param("https://data.example/bucket/a.png?signature=1", id="address"),
        pytest.param("s3://bucket/images/a.png", id="S3"),
    ],
)
def test_knows_the_image_by_its_file_name(read, write, image):
    rows, _, _ = read(LabelStudio(), write(region(), image=image))
    assert rows[0][0] == "a"


def test_counts_what_is_no_shape(read, write):
    brush = {"type": "brushlabels", "value": {"rle": [0], "brushlabels": ["car"]}}
    choice = {"type": "choices", "value": {"choices": ["cloudy"]}}
    rows, _, ledger = read(LabelStudio(), write(region(), brush, choice))
    assert len(rows) == 1
    assert dict(ledger.lost) == {
        "regions of type brushlabels": 1,
        "regions of type choices": 1,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"value": {}}, "no key 'type'", id="no type"),
        pytest.param(region(value={"x": 1, "y": 1}), "`width` must be", id="no width"),
        pytest.param(region(value={**BOX, "width": 0}), "no width", id="width of nothing"),
        pytest.param(region(value={**BOX, "x": 300}), "outside its image", id="outside"),
        pytest.param(region(original_width=800), "80 x 60 .*800 x 60", id="another size"),
        pytest.param(region(image_rotation=90), "turned in Label Studio", id="turned image"),
        pytest.param(
            region("polygonlabels", {"points": [[0, 0], [50, 0]]}), "three corners", id="two"
        ),
        pytest.param(
            region("polygonlabels", {"points": [[0, 0], [50, 0], [0, 50], [50, 40]]}),
            "Self-intersection",
            id="crossing itself",
        ),
        pytest.param(region(id="x1"), "'x1' stands twice", id="id twice"),
        pytest.param(
            {**region(), "value": {**BOX, "rectanglelabels": ["a", "b"]}}, "one class", id="two"
        ),
    ],
)
def test_bad_regions_are_refused_by_their_number(read, write, given, message):
    good = region(id="x1")
    with pytest.raises(LabelError, match=rf"export\.json, task 7, region 2: .*{message}"):
        read(LabelStudio(), write(good, given))
    rows, _, ledger = read(LabelStudio(), write(good, given), keep_going=True)
    assert (len(rows), len(ledger.problems)) == (1, 1)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        pytest.param({"data": {}}, "task 7: no key 'image'", id="no image"),
        pytest.param({"data": {"image": "c.png"}}, "task 7: .*no image 'c.png'", id="other image"),
        pytest.param({"data": {"image": "../a.png"}}, "task 7: .*climbs out", id="climbs"),
        pytest.param({"data": {"image": "/d/?d=../a.png"}}, "climbs out", id="climbs in a query"),
        pytest.param({"annotations": 3}, "task 7: 'annotations' must be", id="no list"),
    ],
)
def test_bad_tasks_are_refused(read, write, members, message):
    with pytest.raises(LabelError, match=message):
        read(LabelStudio(), write(region(), **members))
