"""Files that come from anywhere: read with the place of what is wrong, and never trusted."""

import stat
import zipfile

import pytest

from factory_core.kernel.errors import LabelError
from factory_core.sources import texts

LAUGHS = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b'{"a": 1,\n', "line 2: not JSON", id="cut off"),
        pytest.param(b'{"a":\n "\xe9"}', "line 2: not UTF-8.*0xe9", id="another encoding"),
        pytest.param(b'{"a": 1, "a": 2}', "'a' stands twice", id="key twice"),
        pytest.param(b'{"a": NaN}', "NaN is no number", id="NaN"),
        pytest.param(b"[" * 200_000, "nests too deep", id="nested"),
        pytest.param(b"", "line 1: not JSON", id="empty"),
    ],
)
def test_bad_json(tmp_path, content, message):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(LabelError, match=rf"x\.json.*{message}"):
        texts.read_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("<a>\n<b>\n</a>", "line 3: not XML", id="cut off"),
        pytest.param(LAUGHS, "declares entities", id="billion laughs"),
        pytest.param("<b/>", "root <b>, expected <a>", id="root"),
        pytest.param(
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            "declares entities",
            id="a file from outside",
        ),
    ],
)
def test_bad_xml(tmp_path, content, message):
    (tmp_path / "x.xml").write_text(content)
    with pytest.raises(LabelError, match=rf"x\.xml.*{message}"):
        texts.read_xml(tmp_path / "x.xml", root="a")


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "x.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert texts.read_json(tmp_path / "x.json") == {"a": 1}


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(LabelError, match="cannot be read: No such file"):
        texts.read_text(tmp_path / "missing.txt")
    with pytest.raises(LabelError, match="cannot be read: Is a directory"):
        texts.read_text(tmp_path)


def packed(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members:
            archive.writestr(member, content)
    return path


def link(name):
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    ("members", "message"),
    [
        pytest.param([("../../up.txt", "x")], "leads out of its folder", id="climbs out"),
        pytest.param([("/etc/up.txt", "x")], "leads out of its folder", id="absolute"),
        pytest.param([(link("a"), "/etc/passwd")], "leads out of its folder", id="link"),
        pytest.param([("bomb", b"\0" * 30_000_000)], "zip bomb", id="bomb"),
    ],
)
def test_hostile_archives(tmp_path, members, message):
    archive = packed(tmp_path / "x.zip", *members)
    (tmp_path / "into").mkdir()
    with pytest.raises(LabelError, match=rf"x\.zip.*{message}"):
        texts.unpack(archive, tmp_path / "into")
    assert not list((tmp_path / "into").iterdir())
    assert not (tmp_path / "up.txt").exists()


def test_a_bomb_that_lies_about_its_size(tmp_path):
    """The size in the directory of a ZIP file is what it says, not what comes."""
    archive = packed(tmp_path / "x.zip", ("bomb", b"\0" * 30_000_000))
    content = archive.read_bytes()
    size = (30_000_000).to_bytes(4, "little")
    archive.write_bytes(content.replace(size, (10).to_bytes(4, "little")))
    (tmp_path / "into").mkdir()
    with pytest.raises(LabelError, match=r"x\.zip"):
        texts.unpack(archive, tmp_path / "into")
    assert sum(path.stat().st_size for path in (tmp_path / "into").iterdir()) < 1000


def test_damaged_archives(tmp_path):
    archive = packed(tmp_path / "x.zip", ("a.txt", b"some text " * 500))
    content = archive.read_bytes()
    for damaged in (content[: len(content) // 2], b"", content[:40] + b"\xff" + content[41:]):
        archive.write_bytes(damaged)
        (tmp_path / "into").mkdir(exist_ok=True)
        with pytest.raises(LabelError, match="no ZIP file that can be read"):
            texts.unpack(archive, tmp_path / "into")
