"""CVAT for images 1.1: every kind of shape, attributes by their type, hostile files."""

import zipfile

import pytest

from factory_core.kernel.errors import LabelError
from factory_core.sources.exchange import Request, import_labels
from factory_core.sources.formats.cvat import Cvat

META = (
    "<meta><task><labels><label><name>car</name><attributes>"
    "<attribute><name>wheels</name><input_type>number</input_type></attribute>"
    "<attribute><name>parked</name><input_type>checkbox</input_type></attribute>"
    "<attribute><name>plate</name><input_type>text</input_type></attribute>"
    "</attributes></label></labels></task></meta>"
)
BOX = '<box label="car" xtl="5" ytl="6" xbr="25" ybr="16"/>'


@pytest.fixture
def write(tmp_path):
    def go(*shapes, name="a.png", size='width="80" height="60"'):
        path = tmp_path / "annotations.xml"
        path.write_text(
            f"<?xml version='1.0'?><annotations><version>1.1</version>{META}"
            f'<image id="4" name="{name}" {size}>{"".join(shapes)}</image></annotations>'
        )
        return path

    return go


@pytest.mark.parametrize(
    ("shape", "kind", "area"),
    [
        pytest.param(BOX, "Polygon", 200, id="box"),
        pytest.param(
            '<box label="car" xtl="5" ytl="6" xbr="25" ybr="16" rotation="33.5"/>',
            "Polygon",
            200,
            id="turned box",
        ),
        pytest.param('<polygon label="car" points="1,1;9,1;9,5"/>', "Polygon", 16, id="polygon"),
        pytest.param('<polyline label="car" points="1,1;9,1"/>', "LineString", 0, id="polyline"),
        pytest.param('<points label="car" points="1,1"/>', "Point", 0, id="point"),
        pytest.param('<points label="car" points="1,1;2,2"/>', "MultiPoint", 0, id="points"),
        pytest.param(
            '<ellipse label="car" cx="30" cy="30" rx="10" ry="5"/>', "Polygon", 157, id="ellipse"
        ),
        # Two rows of three pixels: the runs begin with background.
        pytest.param(
            '<mask label="car" rle="1, 2, 1, 2" left="10" top="20" width="3" height="2"/>',
            "Polygon",
            4,
            id="mask",
        ),
    ],
)
def test_reads_every_shape(read, write, shape, kind, area):
    ((scene_id, label, geometry, _),), _, _ = read(Cvat(), write(shape))
    assert (scene_id, label, geometry.geom_type) == ("a", "car", kind)
    assert geometry.area == pytest.approx(area, rel=0.01)


def test_a_mask_lies_where_its_pixels_are(read, write):
    mask = '<mask label="car" rle="1, 2, 3" left="10" top="20" width="3" height="2"/>'
    ((*_, geometry, _),), _, _ = read(Cvat(), write(mask))
    assert geometry.bounds == pytest.approx((11, 20, 13, 21))


def test_attributes_have_the_type_that_the_task_states(read, write):
    stated = {"wheels": "4", "parked": "true", "plate": "007", "colour": ""}
    inside = "".join(f'<attribute name="{k}">{v}</attribute>' for k, v in stated.items())
    rows, _, _ = read(Cvat(), write(BOX.replace("/>", f">{inside}</box>")))
    assert rows[0][3] == {"wheels": 4, "parked": True, "plate": "007"}


def test_counts_what_is_no_shape(read, write):
    rows, _, ledger = read(Cvat(), write(BOX, '<tag label="cloudy"/>', '<cuboid label="car"/>'))
    assert len(rows) == 1
    assert dict(ledger.lost) == {"<tag>": 1, "<cuboid>": 1}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        pytest.param('<box label="car" xtl="5"/>', "no attribute 'ytl'", id="a side is missing"),
        pytest.param(BOX.replace('"25"', '"x"'), "finite number", id="no number"),
        pytest.param(BOX.replace('"25"', '"5"'), "no width", id="no width"),
        pytest.param('<polygon label="car" points="1,1;9"/>', "x,y;x,y", id="half a corner"),
        pytest.param('<polygon label="car" points="1,1;9,9"/>', "three corners", id="two corners"),
        pytest.param(
            '<polygon label="car" points="1,1;9,1;1,9;9,8"/>', "Self-intersection", id="crossing"
        ),
        pytest.param(
            '<polygon label="car" points="100,1;109,1;109,9"/>', "outside its image", id="outside"
        ),
        pytest.param(
            '<mask label="car" rle="99" left="0" top="0" width="2" height="2"/>',
            "99 pixels, not of 2 x 2",
            id="mask too long",
        ),
        pytest.param(
            '<mask label="car" rle="1" left="0" top="0" width="99999" height="99999"/>',
            "larger than its image",
            id="mask that unfolds",
        ),
    ],
)
def test_bad_shapes_are_refused_by_their_number(read, write, shape, message):
    with pytest.raises(
        LabelError, match=rf"annotations\.xml, image 'a\.png', <\w+> 2: .*{message}"
    ):
        read(Cvat(), write(BOX, shape))
    rows, _, ledger = read(Cvat(), write(BOX, shape), keep_going=True)
    assert (len(rows), len(ledger.problems)) == (1, 1)


@pytest.mark.parametrize(
    ("further", "message"),
    [
        pytest.param({"name": "../../a.png"}, "<image> 4: .*no file name inside", id="climbs"),
        pytest.param({"name": "c.png"}, "<image> 4: .*no image 'c.png'", id="no image"),
        pytest.param(
            {"size": 'width="800" height="600"'}, "<image> 4: .*80 x 60 .*800 x 600", id="size"
        ),
    ],
)
def test_bad_images_are_refused(read, write, further, message):
    with pytest.raises(LabelError, match=message):
        read(Cvat(), write(BOX, **further))


def test_a_zip_bomb_is_refused_before_it_unfolds(tmp_path):
    bomb = tmp_path / "task.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", b"0" * 50_000_000)
    with pytest.raises(LabelError, match=r"task\.zip unfolds from \d+ to 50000000 bytes"):
        import_labels(Request("cvat", str(bomb)), raw=tmp_path / "raw")
    assert not (tmp_path / "raw").exists()
