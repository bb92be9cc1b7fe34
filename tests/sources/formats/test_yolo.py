"""YOLO as others write and read it."""

import hotcoco
import pytest
from shapely.geometry import Polygon, box

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Ledger
from factory_core.sources.formats.yolo import Yolo, YoloObb
from tests.contract.exchange import SHAPES, annotate


@pytest.fixture
def source(tmp_path):
    def write(text="0 0.5 0.5 0.25 0.1\n", **files):
        for name, content in {"classes.names": "car\nbus\n", "a.txt": text, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        return tmp_path

    return write


def test_a_box_is_its_centre_and_size_in_shares(source, read):
    rows, found, _ = read(Yolo(), source())
    assert [(scene, label) for scene, label, *_ in rows] == [("a", "car")]
    assert rows[0][2].equals(box(30, 27, 50, 33))
    assert set(found.images) == {"a", "b"}  # b has no text file: background


def test_outlines_are_read_too(source, read):
    rows, *_ = read(Yolo(), source("1 0 0 0.5 0 0.5 0.5\n\n0 0.5 0.5 0.25 0.1\n"))
    assert rows[0][2].equals(Polygon([(0, 0), (40, 0), (40, 30)]))
    assert [label for _, label, *_ in rows] == ["bus", "car"]


def test_a_file_of_another_format_is_no_empty_set_of_labels(source, read):
    folder = source(**{"labels.json": '{"images": []}'})
    with pytest.raises(LabelError, match="another format"):
        read(Yolo(), folder / "labels.json")


def test_confidences_are_read_on_demand(source, read):
    line = "0 0.5 0.5 0.25 0.1 0.75\n"
    with pytest.raises(LabelError, match="confidence=true"):
        read(Yolo(), source(line))
    ((*_, attributes),), *_ = read(Yolo(confidence=True), source(line))
    assert attributes == {"score": 0.75}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"data.yaml": "names: [car, bus]\n"}, id="list"),
        pytest.param({"data.yaml": "names: {0: car, 1: bus}\n"}, id="numbered"),
        pytest.param({"classes.txt": "car\nbus\n"}, id="text"),
        pytest.param({"obj.names": "car\nbus"}, id="darknet"),
    ],
)
def test_classes_stand_in_any_of_their_files(source, read, names):
    folder = source()
    (folder / "classes.names").unlink()
    for name, content in names.items():
        (folder / name).write_text(content)
    rows, *_ = read(Yolo(), folder)
    assert rows[0][1] == "car"


def test_classes_may_be_stated(source, read):
    folder = source()
    (folder / "classes.names").unlink()
    with pytest.raises(LabelError, match="--set classes="):
        read(Yolo(), folder)
    rows, *_ = read(Yolo(classes=("lorry",)), folder)
    assert rows[0][1] == "lorry"


def test_a_file_that_holds_no_labels_is_named(source, read):
    rows, _, ledger = read(Yolo(), source(**{"SOURCE.txt": "From the Internet.\n"}))
    assert len(rows) == 1
    assert ledger.lost == {"file that holds no labels (SOURCE.txt)": 1}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param(
            {"text": "2 .5 .5 .1 .1"}, r"a\.txt, line 1: .*0 to 1\. Received: 2", id="class"
        ),
        pytest.param({"text": "-1 .5 .5 .1 .1"}, r"a\.txt, line 1: .*'-1'", id="negative class"),
        pytest.param({"text": "0 40 30 10 10"}, r"a\.txt, line 1: .*pixels\?", id="pixels"),
        pytest.param(
            {"text": "0 .5 .5 -.1 .1"}, r"a\.txt, line 1: .*no width", id="negative width"
        ),
        pytest.param({"text": "0 1.5 .5 .1 .1"}, r"a\.txt, line 1: .*outside", id="outside"),
        pytest.param({"c.txt": "0 .5 .5 .1 .1"}, r"c\.txt, the .*no image 'c'", id="no image"),
        pytest.param({"x/a.txt": ""}, r"a\.txt, .*another file has told", id="image twice"),
        pytest.param(
            {"data.yaml": "names: [car, car]"}, r"data\.yaml.*different", id="names twice"
        ),
        pytest.param({"data.yaml": "names: {1: car}"}, r"data\.yaml.*from 0", id="names from 1"),
        pytest.param({"data.yaml": "names: [car"}, r"data\.yaml.*not YAML", id="names cut off"),
    ],
)
def test_bad_lines_are_named(source, read, files, message):
    with pytest.raises(LabelError, match=message):
        read(Yolo(), source(**files))


def test_hotcoco_reads_what_is_written(images, folder, tmp_path):
    out = tmp_path / "out"
    sent = annotate(images, [{"label": "car", "geometry": SHAPES["boxes"]}])
    Yolo().write(sent, out, ledger=Ledger())
    (out / "data.yaml").rename(out / "labels/data.yaml")
    found = hotcoco.COCO.from_yolo(str(out / "labels"), str(folder))
    assert len(found.anns) == 2
    for record in found.anns.values():
        x, y, width, height = record["bbox"]
        assert (x, y, x + width, y + height) == pytest.approx(SHAPES["boxes"].bounds, abs=1e-3)


def test_corners_of_a_box_with_more_points(images, read, tmp_path):
    dense = box(10, 10, 30, 20).segmentize(5)
    sent = annotate(images, [{"label": "car", "geometry": dense}])
    YoloObb().write(sent, tmp_path / "out", ledger=Ledger())
    rows, *_ = read(YoloObb(), tmp_path / "out")
    assert all(shape.symmetric_difference(dense).area < 1e-6 for _, _, shape, _ in rows)


def test_names_that_the_classes_lack(images, tmp_path):
    sent = annotate(images, [{"label": "car", "geometry": SHAPES["boxes"]}])
    with pytest.raises(LabelError, match="`classes` lacks car"):
        Yolo(classes=("bus",)).write(sent, tmp_path / "out", ledger=Ledger())
