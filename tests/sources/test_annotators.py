"""Labels out to annotators and back: what was corrected is known, and on the same scenes."""

import json
from copy import deepcopy
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import PIL.Image
import pytest
import rasterio
from affine import Affine
from shapely import affinity
from shapely.geometry import Polygon, box

from factory_core.kernel import io
from factory_core.sources.annotations import to_pixels
from factory_core.sources.exchange import Request, import_labels
from factory_core.sources.export import export_labels
from factory_core.sources.images import ImageFolder

CRS = "EPSG:32633"
GRIDS = {
    "one": Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000),
    "two": Affine(0.5, 0, 501_000, 0, -0.5, 5_400_000),
}
HEIGHT, WIDTH = 60, 80
SHAPES_PX = {
    "kept": box(2.125, 3.005, 10, 9),
    "changed": box(20, 5, 28, 11),
    "moved": affinity.rotate(box(40, 20, 60, 26), 25),
    "deleted": Polygon([(5, 30), (15, 32), (12, 45), (8, 38)]),
}


@pytest.fixture(params=[True, False], ids=["own ids", "made ids"])
def raw(request, tmp_path):
    """Two 16-bit scenes; four labels on the first, one on the second."""
    folder = tmp_path / "raw"
    (folder / "scenes").mkdir(parents=True)
    for name, affine in GRIDS.items():
        pixels = np.random.default_rng(0).integers(0, 3000, (4, HEIGHT, WIDTH)).astype("uint16")
        with rasterio.open(
            folder / "scenes" / f"{name}.tif",
            "w",
            driver="GTiff",
            height=HEIGHT,
            width=WIDTH,
            count=4,
            dtype="uint16",
            crs=CRS,
            transform=affine,
        ) as sink:
            sink.write(pixels)
    on_one = gpd.GeoSeries(list(SHAPES_PX.values())).affine_transform(GRIDS["one"].to_shapely())
    on_two = gpd.GeoSeries([SHAPES_PX["kept"]]).affine_transform(GRIDS["two"].to_shapely())
    table = {"label": "car", "scene_id": ["one"] * 4 + ["two"], "wheels": [4, 4, 4, 6, 4]}
    if request.param:
        table["id"] = [*SHAPES_PX, "other"]
    frame = gpd.GeoDataFrame(table, geometry=[*on_one, *on_two], crs=CRS)
    io.write_by_scene([frame], folder / "labels" / "cars.parquet")
    return folder


def correct_cvat(file):
    """Rename the second, move the third by a pixel, delete the fourth, add one, of image one."""
    tree = ElementTree.parse(file)  # noqa: S314 - our own
    (image,) = tree.getroot().findall("./image[@name='one.tif']") or tree.getroot().findall(
        "./image[@name='one.png']"
    )
    _, second, third, fourth = image
    second.set("label", "truck")
    for side in ("xtl", "xbr"):
        third.set(side, str(float(third.get(side)) + 1))
    image.remove(fourth)
    ElementTree.SubElement(
        image, "box", label="car", xtl="70", ytl="50", xbr="75", ybr="55", occluded="0"
    )
    tree.write(file)


def correct_label_studio(file):
    tasks = json.loads(file.read_text())
    (task,) = [each for each in tasks if "one" in each["data"]["image"]]
    regions = task["annotations"][0]["result"]
    regions[1]["value"]["rectanglelabels"] = ["truck"]
    regions[2]["value"]["x"] += 100 / WIDTH
    del regions[3]
    value = {"x": 70, "y": 50, "width": 5, "height": 5, "rotation": 0, "rectanglelabels": ["car"]}
    regions.append(
        {
            "id": "AbCdEf0123",
            "type": "rectanglelabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": WIDTH,
            "original_height": HEIGHT,
            "image_rotation": 0,
            "value": value,
        }
    )
    file.write_text(json.dumps(tasks))


ANNOTATORS = pytest.mark.parametrize(
    ("form", "file", "correct"),
    [
        pytest.param("cvat", "annotations.xml", correct_cvat, id="cvat"),
        pytest.param("label_studio", "tasks.json", correct_label_studio, id="label_studio"),
    ],
)


def bring_back(form, source, raw):
    return import_labels(
        Request(form, str(source), images=raw / "scenes", name="cars", replace=True), raw=raw
    )


@ANNOTATORS
@pytest.mark.parametrize("render", [True, False], ids=["rendered", "labels alone"])
def test_knows_what_was_corrected(raw, tmp_path, form, file, correct, render):
    out = tmp_path / "out"
    list(export_labels(form, raw=raw, out=out, settings=[f"render={str(render).lower()}"]))
    correct(out / file if render else out)
    receipt = bring_back(form, out, raw)
    found = {kind: len(ids) for kind, ids in receipt["corrections"].items()}
    assert found == {"added": 1, "deleted": 1, "moved": 1, "renamed": 1}
    assert not set(receipt["corrections"]["moved"]) & set(receipt["corrections"]["renamed"])
    labels = gpd.read_parquet(raw / "labels" / "cars.parquet").set_index("scene_id")
    assert sorted(labels.loc["one", "label"]) == ["car", "car", "car", "truck"]
    grid = ImageFolder(raw / "scenes").find("one").grid
    shapes = to_pixels(labels.loc[["one"]], grid=grid)
    shift = [shape.centroid.x - SHAPES_PX["moved"].centroid.x for shape in shapes]
    assert np.isclose(np.array(shift), 1, atol=1e-2).sum() == 1
    assert list(labels["wheels"].dropna()) == [4, 4, 4, 4]


@ANNOTATORS
def test_nothing_corrected_is_nothing_changed(raw, tmp_path, form, file, correct):
    list(export_labels(form, raw=raw, out=tmp_path / "out"))
    for _ in range(2):
        receipt = bring_back(form, tmp_path / "out", raw)
        assert not any(receipt["corrections"].values())
        assert not receipt["lost"]


@ANNOTATORS
def test_renders_what_annotators_can_show(raw, tmp_path, form, file, correct):
    list(export_labels(form, raw=raw, out=tmp_path / "out", settings=["render=true"]))
    with PIL.Image.open(tmp_path / "out" / "images" / "one.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (WIDTH, HEIGHT))
        shown = np.asarray(picture)
    assert (shown.min(), shown.max()) == (1, 255)
    assert 110 < shown.mean() < 145  # a flat histogram, stretched


def test_turns_boxes_as_cvat_does(raw, tmp_path):
    """CVAT turns a box clockwise on the screen around its centre."""
    file = tmp_path / "turned.xml"
    file.write_text(
        '<annotations><image id="0" name="one.tif" width="80" height="60"><box label="car" '
        'xtl="30" ytl="20" xbr="50" ybr="30" rotation="30"/></image></annotations>'
    )
    receipt = import_labels(Request("cvat", str(file), images=raw / "scenes"), raw=raw)
    assert receipt["labels"] == {"car": 1}
    labels = gpd.read_parquet(raw / "labels" / "turned.parquet")
    (shape,) = to_pixels(labels, grid=ImageFolder(raw / "scenes").find("one").grid)
    right_end = np.array([40, 25]) + 10 * np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])
    assert shape.centroid.coords[0] == pytest.approx((40, 25), abs=1e-3)
    ends = [
        np.mean([a, b], axis=0)
        for a, b in zip(shape.exterior.coords, shape.exterior.coords[1:], strict=False)
    ]
    assert min(np.hypot(*(end - right_end)) for end in ends) < 1e-3


def test_turns_boxes_as_label_studio_does(raw, tmp_path):
    """Label Studio turns a box clockwise on the screen around its upper left corner."""
    value = {
        "x": 50,
        "y": 50,
        "width": 25,
        "height": 10,
        "rotation": 90,
        "rectanglelabels": ["car"],
    }
    region = {"id": "a", "type": "rectanglelabels", "value": value}
    task = {"id": 7, "data": {"image": "/data/upload/1/0123abcd-one.tif"}}
    file = tmp_path / "turned.json"
    file.write_text(json.dumps([{**task, "annotations": [{"id": 1, "result": [region]}]}]))
    import_labels(Request("label_studio", str(file), images=raw / "scenes"), raw=raw)
    labels = gpd.read_parquet(raw / "labels" / "turned.parquet")
    (shape,) = to_pixels(labels, grid=ImageFolder(raw / "scenes").find("one").grid)
    # 20 px wide and 6 px high from (40, 30), turned down and to the left.
    assert shape.bounds == pytest.approx((34, 30, 40, 50), abs=1e-3)


def test_reads_the_short_export_of_label_studio(raw, tmp_path):
    polygon = {"points": [[0, 0], [50, 0], [50, 50]], "closed": True, "polygonlabels": ["roof"]}
    short = [
        {"id": 1, "image": "images/one.png", "annotation_id": 1, "label": [polygon]},
        {"id": 2, "image": "images/two.png", "annotation_id": 2},
    ]
    file = tmp_path / "short.json"
    file.write_text(json.dumps(short))
    receipt = import_labels(Request("label_studio", str(file), images=raw / "scenes"), raw=raw)
    assert (receipt["labels"], receipt["images"]) == ({"roof": 1}, 2)


def test_takes_the_last_annotation_and_no_task_that_was_not_looked_at(raw, tmp_path):
    def annotation(number, label, **further):
        value = {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": [label]}
        result = [{"id": "a", "type": "rectanglelabels", "value": value}]
        return {"id": number, "result": result, **further}

    tasks = [
        {
            "id": 1,
            "data": {"image": "one.png"},
            "annotations": [
                annotation(1, "first", updated_at="2024-01-01T00:00:00Z"),
                annotation(2, "last", updated_at="2024-03-01T00:00:00Z"),
                annotation(3, "skipped", updated_at="2024-04-01T00:00:00Z", was_cancelled=True),
            ],
        },
        {"id": 2, "data": {"image": "two.png"}, "annotations": []},
    ]
    file = tmp_path / "tasks.json"
    file.write_text(json.dumps(tasks))
    receipt = import_labels(Request("label_studio", str(file), images=raw / "scenes"), raw=raw)
    assert receipt["labels"] == {"last": 1}
    assert receipt["images"] == 1
    assert receipt["lost"] == {
        "annotations of a task but the last": 1,
        "tasks without an annotation": 1,
    }


def test_a_copied_label_is_a_new_one(raw, tmp_path):
    list(export_labels("cvat", raw=raw, out=tmp_path / "out.xml"))
    tree = ElementTree.parse(tmp_path / "out.xml")  # noqa: S314 - our own
    (image,) = tree.getroot().findall("./image[@name='one.tif']")
    copy = deepcopy(image[0])
    for side in ("xtl", "xbr"):
        copy.set(side, str(float(copy.get(side)) + 30))
    image.append(copy)
    tree.write(tmp_path / "out.xml")
    receipt = bring_back("cvat", tmp_path / "out.xml", raw)
    assert {k: len(v) for k, v in receipt["corrections"].items() if v} == {"added": 1}
    assert receipt["lost"] == {"ids of labels that were copied in CVAT": 1}
