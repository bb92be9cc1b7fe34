"""DOTA as others write and read it."""

import hotcoco
import pytest
from shapely.geometry import Polygon

from factory_core.kernel.errors import LabelError
from factory_core.sources.annotations import Ledger
from factory_core.sources.formats.dota import Dota
from factory_core.sources.images import ImageFolder
from tests.contract.exchange import SHAPES, annotate

HEADER = "imagesource:GoogleEarth\ngsd:0.146343590398\n"
LINE = "10.0 10.0 30.0 12.0 28.0 30.0 9.0 26.0 small-vehicle 1\n"


@pytest.fixture
def source(tmp_path):
    def write(text):
        (tmp_path / "a.txt").write_text(text)
        return tmp_path

    return write


def test_four_corners_with_and_without_a_header(source, read):
    for header in (HEADER, "imagesource:\ngsd:null\n", ""):
        ((scene, label, shape, attributes),), *_ = read(Dota(), source(header + LINE))
        assert (scene, label, attributes) == ("a", "small-vehicle", {"difficult": 1})
        assert shape.equals(Polygon([(10, 10), (30, 12), (28, 30), (9, 26)]))


def test_the_header_tells_the_size_of_a_pixel_unless_it_is_stated(source, folder):
    path = source(HEADER + LINE)
    (path / "b.txt").write_text(HEADER)
    for stated, expected in ((None, 0.146343590398), (0.3, 0.3)):
        ledger = Ledger()
        found = Dota().read(path, images=ImageFolder(folder, stated), ledger=ledger)
        assert found.images["a"].grid.affine.a == expected
        assert ledger.lost == {"image attributes": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("1 2 3 4 5 6 car 0", "line 1: expected x and y of four", id="a number less"),
        pytest.param(f"{HEADER}1 2 3 4 5 6 7 eight car 0", "line 3: .*'eight'", id="no number"),
        pytest.param(LINE.replace(" 1\n", " yes\n"), "line 1: `difficult`", id="difficult"),
        pytest.param("gsd:-1\n" + LINE, "`gsd` must be", id="gsd"),
        pytest.param("gsd:fine\n" + LINE, "`gsd` must be", id="gsd is a word"),
        pytest.param(LINE.replace("small-vehicle", "small vehicle"), "11 words", id="space"),
    ],
)
def test_bad_lines_are_named(source, read, text, message):
    with pytest.raises(LabelError, match=rf"a\.txt, .*{message}"):
        read(Dota(), source(text))


def test_hotcoco_reads_what_is_written(images, folder, tmp_path):
    sent = annotate(images, [{"label": "big car", "geometry": SHAPES["four corners"]}])
    Dota().write(sent, tmp_path / "out", ledger=(ledger := Ledger()))
    assert ledger.lost == {"class names": 2}
    found = hotcoco.COCO.from_dota(str(tmp_path / "out"), str(folder))
    assert [each["name"] for each in found.cats.values()] == ["big-car"]
    x_min, y_min, x_max, y_max = SHAPES["four corners"].bounds
    for record in found.anns.values():
        assert record["bbox"] == pytest.approx(
            [x_min, y_min, x_max - x_min, y_max - y_min], abs=1e-3
        )
