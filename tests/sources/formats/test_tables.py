"""Tables of boxes and of points as others write them."""

import pytest
from shapely.geometry import Point, box

from factory_core.kernel.errors import ConfigError, LabelError
from factory_core.sources.annotations import Ledger
from factory_core.sources.formats.boxes_csv import BoxesCsv
from factory_core.sources.formats.points_csv import PointsCsv
from tests.contract.exchange import SHAPES, annotate

DEEPFOREST = "image_path,xmin,ymin,xmax,ymax,label,height,plot\na.png,1,2,11,22,Tree,7.5,007\n"


@pytest.fixture
def source(tmp_path):
    def write(text, name="a.csv"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_boxes_as_deepforest_has_them(source, read):
    ((scene, label, shape, attributes),), *_ = read(BoxesCsv(), source(DEEPFOREST))
    assert (scene, label) == ("a", "Tree")
    assert shape.equals(box(1, 2, 11, 22))
    assert attributes == {"height": 7.5, "plot": "007"}


def test_boxes_with_other_columns(source, read):
    form = BoxesCsv(image="file", label="kind", corners=("x1", "y1", "x2", "y2"))
    rows, *_ = read(form, source('file,x1,y1,x2,y2,kind\na.png,1,2,11,22,"Tree, tall"\n'))
    assert [(label, shape.bounds) for _, label, shape, _ in rows] == [
        ("Tree, tall", (1, 2, 11, 22))
    ]


def test_points_in_a_table_an_image_count_whole_pixels(source, read):
    """As the urban trees of California: `x,y` alone, the class in no column."""
    form = PointsCsv(image="", class_name="tree", offset_px=0.5)
    path = source("x,y\n79,59\n0,0\n")
    (path.parent / "b.csv").write_text("x,y\n")
    rows, found, _ = read(form, path.parent)
    assert [(scene, label, shape) for scene, label, shape, _ in rows] == [
        ("a", "tree", Point(79.5, 59.5)),
        ("a", "tree", Point(0.5, 0.5)),
    ]
    assert set(found.images) == {"a", "b"}


def test_tables_an_image_go_out_and_back(images, read, tmp_path):
    sent = annotate(images, [{"label": "tree", "geometry": SHAPES["points"]}], on=["b"])
    form = PointsCsv(image="", offset_px=0.5)
    form.write(sent, tmp_path / "out", ledger=Ledger())
    assert (tmp_path / "out/b.csv").read_text() == "label,x,y\ntree,32.75,12.0\n"
    rows, *_ = read(form, tmp_path / "out")
    assert rows[0][2].distance(SHAPES["points"]) < 1e-6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", r"line 1: no column .*Columns: none", id="empty"),
        pytest.param("image_path,xmin\n", r"line 1: no column 'label'", id="columns"),
        pytest.param(DEEPFOREST + "a.png,1,2\n", r"line 3: 3 fields under 8", id="cut off"),
        pytest.param(DEEPFOREST.replace("11", "eleven"), r"line 2: `xmax` must be", id="word"),
        pytest.param(DEEPFOREST.replace("11,", "0,"), r"line 2: .*no width", id="wrong way"),
        pytest.param(DEEPFOREST.replace(",Tree", ","), r"line 2: the class", id="no class"),
        pytest.param(DEEPFOREST.replace("a.png", "c.png"), r"line 2: .*no image 'c", id="image"),
        pytest.param(DEEPFOREST.replace("a.png", "..\\a.png"), r"line 2: .*inside", id="climbs"),
        pytest.param(DEEPFOREST.replace("a.png", "C:\\a.png"), r"line 2: .*inside", id="drive"),
        pytest.param(DEEPFOREST.replace("Tree", '"Tree'), r"line 2: not CSV", id="open quote"),
    ],
)
def test_bad_rows_are_named(source, read, text, message):
    with pytest.raises(LabelError, match=rf"a\.csv, {message}"):
        read(BoxesCsv(), source(text))


def test_options_that_do_not_fit_together(source, read, images, tmp_path):
    with pytest.raises(ConfigError, match="a name of its own"):
        read(PointsCsv(x="y"), source("x,y\n"))
    with pytest.raises(ConfigError, match="`class_name` is for reading"):
        PointsCsv(class_name="x").write(annotate(images, []), tmp_path / "o", ledger=Ledger())
