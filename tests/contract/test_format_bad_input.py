"""What every exchange format does with broken files: one clear error that tells the place.

Each format writes good labels, which are then broken in every way that its files can be; a
new format is tested without a line added here.
"""

import contextlib
import json
import random
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from shapely import affinity
from shapely.geometry import LineString, Polygon

from factory_core.kernel.config import build
from factory_core.kernel.errors import LabelError, SceneError
from factory_core.kernel.parts import list_parts, load_part
from factory_core.sources.annotations import Ledger
from factory_core.sources.images import ImageFolder
from tests.contract.exchange import SHAPES, annotate, write_images

READ_ALONE = {"stac_api"}
NAMES = [part.name for part in list_parts("format") if part.name not in READ_ALONE]
TEXT = (".json", ".geojson", ".txt", ".xml", ".csv")
ON = ("degrees", "metres")
# How a message tells which record of a file is bad.
PLACE = re.compile(
    r"(<\w+>|line|row|annotation|feature|record|task|item|region|result|label) \W?\w*\d"
)


@dataclass(frozen=True)
class Broken:
    """One way to break a file: its name, and what is done to the text or the bytes.

    Attributes:
        text: Takes the ending of a text file and its content; gives None where it is not for it.
        content: Takes the bytes of any file.
    """

    name: str
    text: object = None
    content: object = None


def json_alone(change):
    return lambda ending, text: change(text) if "json" in ending else None


def cut_off(ending, text):
    if ending in (".txt", ".csv"):
        lines = text.rstrip().splitlines()
        return "\n".join([*lines[:-1], lines[-1][: len(lines[-1]) // 2]])
    return text[: len(text) * 2 // 3]


def other_keys(ending, text):
    if ending == ".xml":
        return re.sub(r"<(/?)(\w+)", r"<\1x\2", text)
    if "json" in ending:
        return re.sub(r'"(\w+)":', r'"x\1":', text)
    if ending == ".csv":
        return "x" + text.replace(",", ",x", text.splitlines()[0].count(","))
    return "".join(f"x{line}\n" for line in text.splitlines() if ":" not in line)


def no_number(ending, text):
    """A number with a fraction in the middle, a coordinate, is none."""
    found = list(re.finditer(r"\d+\.\d+", text))
    if len(found) < 3:
        return None
    found = found[: len(found) // 2 + 1]
    return (
        text[: found[-1].start()] + ("NaN" if "json" in ending else "nan") + text[found[-1].end() :]
    )


def climb_out(_ending, text):
    return text.replace("metres.tif", "../metres.tif") if "metres.tif" in text else None


def other_image(_ending, text):
    return text.replace("metres.tif", "metros.tif") if "metres.tif" in text else None


def ids_twice(text):
    content = json.loads(text)
    if not isinstance(content, dict):
        return None
    lists = [v for v in content.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
    numbered = [each for each in lists if "id" in each[0]]
    for each in numbered:
        each.append(each[0])
    return json.dumps(content) if numbered else None


def entities(ending, text):
    if ending != ".xml":
        return None
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = re.sub(r"<\?xml.*?\?>", "", text)
    return f'<!DOCTYPE annotation [<!ENTITY l0 "ha">{laughs}]>' + text.replace("thing", "&l9;")


FILES = [
    Broken("cut off", text=cut_off),
    Broken("cut off in its bytes", content=lambda content: content[: len(content) // 2]),
    Broken("another encoding", text=lambda _, text: text.replace("thing", "Stra\udcdfe")),
    Broken("another kind of file", content=lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9),
    Broken("empty", content=lambda _: b""),
    Broken("other keys", text=other_keys),
    Broken("no number", text=no_number),
    Broken("a path that climbs out", text=climb_out),
    Broken("an image that is not there", text=other_image),
    Broken("ids twice", text=json_alone(ids_twice)),
    Broken("nested without end", text=json_alone(lambda _: "[" * 200_000)),
    Broken("entities that unfold", text=entities),
]
# Files of lines are whole without their last half, and without any line.
LINES_MAY = {"empty", "cut off in its bytes"}
SHAPES_BAD = {
    "outside": ("boxes", lambda shape: affinity.translate(shape, 500, 0)),
    "crossing itself": (
        "four corners",
        lambda _: Polygon([(5.5, 5.5), (25.5, 5.5), (5.5, 20.5), (25.5, 22.5)]),
    ),
    "degenerate": ("boxes", lambda _: Polygon([(5.5, 5.5), (5.5, 20.5), (5.5, 30.5), (5.5, 20.5)])),
    "a line of one point": ("lines", lambda _: LineString([(5.5, 5.5), (5.5, 5.5)])),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = write_images(tmp_path_factory.mktemp("images"))
    for path in folder.iterdir():
        if path.stem not in (*ON, "empty"):
            path.unlink()
    return ImageFolder(folder)


@pytest.fixture(params=NAMES)
def form(request):
    return built(request.param)


@cache
def built(name):
    return build(load_part("format", name))


def good_rows(form):
    held = [shape for feature, shape in SHAPES.items() if feature not in form.cannot_carry]
    shape = affinity.translate([*held, SHAPES["boxes"]][0], 0.25, 0.25)
    return [{"label": "thing", "geometry": affinity.translate(shape, step, 0)} for step in (0, 5)]


def label_file(written: Path) -> Path:
    """The file of the written ones that tells the labels of the image `metres`."""
    if written.is_file():
        return written
    files = sorted(path for path in written.rglob("*") if path.is_file())
    named = [path for path in files if path.stem == "metres" and path.suffix != ".tif"]
    main = [path for path in files if path.suffix in (".gpkg", ".parquet", ".shp", ".xml", ".csv")]
    fallback = [path for path in files if path.suffix in TEXT and "thing" in path.read_text()]
    return [*named, *main, *fallback][0]


def apply(broken: Broken, path: Path) -> bool:
    """Break a file; whether that can be done to it."""
    if broken.content is not None:
        if path.suffix == ".txt" and broken.name in LINES_MAY:
            return False
        path.write_bytes(broken.content(path.read_bytes()))
        return True
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    ending = path.suffix or (".json" if text[0] in "[{" else ".xml" if text[0] == "<" else ".csv")
    changed = broken.text(ending, text) if broken.text else None
    if changed is None or changed == text:
        return False
    path.write_text(changed, encoding="utf-8", errors="surrogateescape")
    return True


def refused(form, source, images, name):
    """The message with which a broken source is refused."""
    try:
        form.read(source, images=images, ledger=Ledger())
    except (LabelError, SceneError) as error:
        return str(error)
    return pytest.fail(f"{type(form).__name__} took a file that is broken: {name}")


def test_broken_files_are_refused_by_name(form, images, tmp_path):
    form.write(annotate(images, good_rows(form), on=ON), tmp_path / "good", ledger=Ledger())
    tried = []
    for broken in FILES:
        source = tmp_path / "bad"
        (shutil.copytree if (tmp_path / "good").is_dir() else shutil.copy)(
            tmp_path / "good", source
        )
        path = label_file(source)
        if apply(broken, path):
            tried.append(broken.name)
            message = refused(form, source, images, broken.name)
            assert path.stem in message or source.name in message, (broken.name, message)
            ledger = Ledger(keep_going=True)
            try:
                rest = form.read(source, images=images, ledger=ledger)
            except (LabelError, SceneError):
                rest = None  # nothing of it can be read
            assert rest is None or ledger.problems, broken.name
            # A record that stands twice is taken once.
            assert rest is None or len(rest) < 4 + (broken.name == "ids twice"), broken.name
        (shutil.rmtree if source.is_dir() else Path.unlink)(source)
    bad_shapes = [name for name, (feature, _) in SHAPES_BAD.items() if holds(form, name, feature)]
    assert len(tried) + len(bad_shapes) >= 5, tried


def holds(form, name, feature):
    """Whether a format can write a shape that is bad; on the ground nothing is outside."""
    on_the_ground = "labels without an image" not in form.cannot_carry
    return feature not in form.cannot_carry and not (on_the_ground and name == "outside")


@pytest.mark.parametrize("name", SHAPES_BAD)
def test_bad_shapes_are_refused_by_their_place(form, images, tmp_path, name):
    feature, make = SHAPES_BAD[name]
    if not holds(form, name, feature):
        assert set(form.cannot_carry) & {feature} or name == "outside"
        return
    rows = good_rows(form)
    sent = annotate(images, rows, on=ON)
    bad = annotate(images, [rows[0], {**rows[1], "geometry": make(SHAPES["boxes"])}], on=["metres"])
    sent.labels["metres"] = bad.labels["metres"]
    form.write(sent, tmp_path / "bad", ledger=Ledger())
    message = refused(form, tmp_path / "bad", images, name)
    assert str(tmp_path / "bad") in message
    assert PLACE.search(message), message
    ledger = Ledger(keep_going=True)
    rest = form.read(tmp_path / "bad", images=images, ledger=ledger)
    assert len(ledger.problems) == 1
    assert PLACE.search(ledger.problems[0].record), ledger.problems
    assert len(rest) == 3


def test_what_is_not_there_is_refused(form, images, tmp_path):
    assert "missing" in refused(form, tmp_path / "missing", images, "missing")


# What is put in the place of a word or number, or between two.
ODD = [
    b"",
    b"-1",
    b"nan",
    b"1e999",
    b'"',
    b"{",
    b"[]",
    b"null",
    b"<a>",
    b"\x00",
    b"\xff",
    b"9" * 5000,
]
WORDS = re.compile(rb'[\w.+-]+|"[^"]*"|[^\s\w]')
EDITS = 12


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of GEOS and GDAL, on numbers that overflow
def test_no_edit_of_any_file_ends_in_a_traceback(form, images, tmp_path):
    form.write(annotate(images, good_rows(form), on=ON), tmp_path / "good", ledger=Ledger())
    good = tmp_path / "good"
    files = [good] if good.is_file() else sorted(p for p in good.rglob("*") if p.is_file())
    rng = random.Random(0)  # noqa: S311 - the same edits each time
    for _ in range(EDITS):
        path = rng.choice(files)
        before = content = path.read_bytes()
        for _ in range(rng.randint(1, 3)):
            words = list(WORDS.finditer(content)) or [re.match(b"", content)]
            start, stop = rng.choice(words).span()
            content = content[:start] + rng.choice(ODD) + content[rng.choice([start, stop]) :]
        path.write_bytes(content)
        for keep_going in (False, True):
            with contextlib.suppress(LabelError, SceneError):
                form.read(good, images=images, ledger=Ledger(keep_going=keep_going))
        path.write_bytes(before)
