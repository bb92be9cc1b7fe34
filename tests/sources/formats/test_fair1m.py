"""FAIR1M as the benchmark writes it."""

import pytest
from shapely.geometry import Polygon

from factory_core.kernel.errors import LabelError
from factory_core.sources.formats.fair1m import Fair1m

XML = """<?xml version="1.0" encoding="utf-8"?>
<annotation>
  <source><filename>a.png</filename><origin>GF2/GF3</origin></source>
  <research><version>1.0</version><provider>FAIR1M</provider></research>
  <size><width>80</width><height>60</height><depth>3</depth></size>
  <objects>
    <object>
      <coordinate>pixel</coordinate><type>rectangle</type><description>None</description>
      <possibleresult><name>Boeing737</name></possibleresult>
      <points>
        <point>10.0,10.0</point><point>30.0,12.0</point><point>28.0,30.0</point>
        <point>9.0,26.0</point><point>10.0,10.0</point>
      </points>
    </object>
  </objects>
</annotation>"""


@pytest.fixture
def source(tmp_path):
    def write(text):
        (tmp_path / "a.xml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_the_corners_of_an_object(source, read):
    ((scene, label, shape, attributes),), _, ledger = read(Fair1m(), source(XML))
    assert (scene, label, attributes) == ("a", "Boeing737", {})
    assert shape.equals(Polygon([(10, 10), (30, 12), (28, 30), (9, 26)]))
    assert ledger.lost == {"image attributes": 1}


def test_the_probability_is_the_score(source, read):
    text = XML.replace("</name>", "</name><probability>0.5</probability>")
    second = "</possibleresult><possibleresult><name>A220</name></possibleresult>"
    ((*_, attributes),), _, ledger = read(
        Fair1m(), source(text.replace("</possibleresult>", second))
    )
    assert attributes == {"score": 0.5}
    assert ledger.lost["further possible results"] == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("<point>9.0,26.0", "<point>9.0", "<object> 1: <point> must", id="half"),
        pytest.param(">pixel<", ">geo<", "<object> 1: <coordinate>", id="not in pixels"),
        pytest.param("points", "corners", "<object> 1: expected one <points>", id="no points"),
        pytest.param("possibleresult", "result", "<object> 1: expected one <poss", id="no class"),
        pytest.param("objects", "things", "expected one <objects>", id="no objects"),
        pytest.param("<height>60", "<height>61", "height of 60 pixels, .*61", id="another size"),
        pytest.param("a.png", "../a.png", "no file name inside", id="climbs"),
        pytest.param("28.0,30.0", "5.0,20.0", "<object> 1: .*Self-intersection", id="crossing"),
    ],
)
def test_bad_elements_are_named(source, read, old, new, message):
    with pytest.raises(LabelError, match=rf"a\.xml.*{message}"):
        read(Fair1m(), source(XML.replace(old, new)))
