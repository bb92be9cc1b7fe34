"""Pascal VOC as others write and read it."""

import hotcoco
import pytest
from shapely.geometry import box

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Ledger
from factory_core.sources.formats.pascal_voc import PascalVoc
from tests.contract.exchange import SHAPES, annotate

XML = """<annotation>
  <folder>VOC</folder><filename>a.png</filename>
  <size><width>80</width><height>60</height><depth>3</depth></size>
  <object>
    <name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
    <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>80</xmax><ymax>60</ymax></bndbox>
    <part><name>head</name><bndbox/></part>
  </object>
</annotation>"""


@pytest.fixture
def source(tmp_path):
    def write(text):
        (tmp_path / "a.xml").write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("one_based", "expected"),
    [
        pytest.param(True, (0, 0, 80, 60), id="the whole image, counted from 1"),
        pytest.param(False, (1, 1, 80, 60), id="edges"),
    ],
)
def test_pixels_count_from_one_unless_told(source, read, one_based, expected):
    ((scene, label, shape, attributes),), _, ledger = read(PascalVoc(one_based), source(XML))
    assert (scene, label) == ("a", "dog")
    assert shape.equals(box(*expected))
    assert attributes == {"pose": "Left", "truncated": 1}
    assert ledger.lost == {"further elements": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("<xmax>80", "<xmax>1e99", "<object> 1: .*image", id="far outside"),
        pytest.param("<xmax>80", "<xmax>0", "<object> 1: .*no width", id="wrong way round"),
        pytest.param("<xmax>80", "<xmax>", "<object> 1: .*<xmax> must be", id="empty"),
        pytest.param("bndbox", "box", "<object> 1: expected one <bndbox>", id="no box"),
        pytest.param("<name>dog</name>", "<name/>", "<object> 1: the class", id="no class"),
        pytest.param("<width>80", "<width>81", "width of 80 pixels, .*81", id="another size"),
        pytest.param("a.png", "/etc/passwd", "no file name inside", id="absolute path"),
        pytest.param("<difficult>0", "<difficult>x", "<object> 1: <difficult>", id="flag"),
        pytest.param("annotation", "annotations", "root <annotations>", id="root"),
    ],
)
def test_bad_elements_are_named(source, read, old, new, message):
    with pytest.raises(LabelError, match=rf"a\.xml.*{message}"):
        read(PascalVoc(), source(XML.replace(old, new)))


def test_hotcoco_reads_what_is_written(images, tmp_path):
    sent = annotate(images, [{"label": "car", "geometry": SHAPES["boxes"], "difficult": 1}])
    PascalVoc().write(sent, tmp_path / "out", ledger=(ledger := Ledger()))
    assert not ledger.lost
    found = hotcoco.COCO.from_voc(str(tmp_path / "out"))
    assert len(found.anns) == 2
    for record in found.anns.values():
        x, y, width, height = record["bbox"]
        assert (x, y, x + width, y + height) == pytest.approx(SHAPES["boxes"].bounds)
