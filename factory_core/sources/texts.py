"""Read the text files of exchange formats, which come from anywhere, without trusting them."""

from __future__ import annotations

import csv
import json
import reprlib
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from factory_core.kernel.errors import LabelError

MAX_UNPACKED_BYTES = 20_000_000_000
# Text and imagery shrink to a hundredth at best; a bomb shrinks a thousandfold.
MAX_RATIO = 200
MAX_DIGITS = 18


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        LabelError: It is missing or in another encoding; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise LabelError(
            f"{path}, line {line}: not UTF-8 (byte {content[error.start]:#04x}). Save the file as "
            "UTF-8 (`iconv -f latin1 -t utf-8`, say)."
        ) from error


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        LabelError: It is missing or damaged, names a key twice, or nests too deep.
    """
    return parse_json(read_text(path), name=str(path))


def parse_json(text: str, *, name: str) -> Any:
    """The content of JSON that came from the file or address `name`.

    Raises:
        LabelError: It is damaged, names a key twice, or nests too deep.
    """
    try:
        return json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise LabelError(
            f"{name}, line {error.lineno}: not JSON ({error.msg}). The file is cut off or damaged: "
            "export it again."
        ) from error
    except ValueError as error:
        raise LabelError(f"{name} holds a number of too many digits ({error}).") from error
    except RecursionError as error:
        raise LabelError(f"{name} nests too deep to be annotations. Export it again.") from error
    except _BadContentError as error:
        raise LabelError(f"{name}: {error}. Export it again.") from error


class _BadContentError(Exception):
    """What JSON allows and annotations do not."""


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for key, _ in pairs if sum(other == key for other, _ in pairs) > 1)
        raise _BadContentError(f"the key {twice!r} stands twice in one object")
    return content


def _no_constant(name: str) -> float:
    raise _BadContentError(f"{name} is no number of JSON")


def read_xml(path: Path, *, root: str) -> Element:
    """The root of an XML file, without entities, which can unfold without end.

    Args:
        path: The file.
        root: Name that the root must have.

    Raises:
        LabelError: It is missing or damaged, declares entities, or has another root.
    """
    try:
        found: Element = ElementTree.fromstring(read_text(path).encode(), forbid_dtd=False)
    except ParseError as error:
        raise LabelError(
            f"{path}, line {error.position[0]}: not XML ({error}). The file is cut off or damaged: "
            "export it again."
        ) from error
    except DefusedXmlException as error:
        raise LabelError(
            f"{path} declares entities ({error}), which annotations never need and attacks do. "
            "Export it again without them."
        ) from error
    if found.tag != root:
        raise LabelError(f"{path} has the root <{found.tag}>, expected <{root}>: another format?")
    return found


def element(node: Element, name: str) -> Element:
    """The one element of that name in another.

    Raises:
        LabelError: There is none, or there are several.
    """
    found = first(node, name)
    if len(node.findall(name)) > 1:
        raise LabelError(f"expected one <{name}> in <{node.tag}>, which holds several.")
    return found


def first(node: Element, name: str) -> Element:
    """The first element of that name in another.

    Raises:
        LabelError: There is none.
    """
    found = node.find(name)
    if found is None:
        inside = ", ".join(f"<{each.tag}>" for each in node) or "nothing"
        raise LabelError(f"expected one <{name}> in <{node.tag}>, which holds {inside}.")
    return found


def check_size(root: Element, shape: tuple[int, int]) -> None:
    """Compare `<size>`, where a file tells it, with the size of the image.

    Args:
        root: Element that may hold `<size>`.
        shape: `(height, width)` of the image.

    Raises:
        LabelError: They differ.
    """
    for name, expected in zip(("height", "width"), shape, strict=True):
        stated = root.findtext(f"size/{name}")
        # Some tools write 0 where they do not know it.
        if stated and number(stated, name=f"<{name}>") not in (0, expected):
            raise LabelError(
                f"the image has a {name} of {expected} pixels, and the file says {stated}: the "
                "labels are drawn on another size."
            )


def read_rows(path: Path, *, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with a header, each with the number of its line.

    Raises:
        LabelError: It is empty, lacks one of `columns`, or a row has more or fewer fields.
    """
    reader = csv.reader(read_text(path).splitlines(), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            raise LabelError(
                f"{path}, line 1: no column {', '.join(map(repr, missing))}. "
                f"Columns: {', '.join(header) or 'none'}."
            )
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                raise LabelError(
                    f"{path}, line {reader.line_num}: {len(fields)} fields under {len(header)} "
                    "columns. The row is cut off, or holds a comma that needs quotes."
                )
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise LabelError(f"{path}, line {reader.line_num}: not CSV ({error}).") from error


def number(value: object, *, name: str) -> float:
    """A finite number from text or JSON.

    Raises:
        LabelError: It is none; names what it was meant to be.
    """
    try:
        found = float(value)  # type: ignore[arg-type]  # what it refuses is what we refuse
    except (TypeError, ValueError):
        found = float("nan")
    if isinstance(value, bool) or not abs(found) < float("inf"):
        raise LabelError(f"{name} must be a finite number. Received: {reprlib.repr(value)}.")
    return found


def whole_number(text: str, *, name: str) -> int:
    """A whole number from 0 up, of a length that can be meant.

    Raises:
        LabelError: It is none.
    """
    if not text.isdecimal() or len(text) > MAX_DIGITS:
        raise LabelError(f"{name} must be a whole number. Received: {reprlib.repr(text)}.")
    return int(text)


def field(record: object, name: str, kind: type | tuple[type, ...]) -> Any:
    """One key of a JSON object, of the kind that it must have.

    Raises:
        LabelError: `record` is no object, lacks the key, or it has another kind.
    """
    if not isinstance(record, Mapping):
        raise LabelError(f"expected an object with {name!r}. Received: {reprlib.repr(record)}.")
    if name not in record:
        keys = ", ".join(map(str, record)) or "none"
        raise LabelError(f"no key {name!r}. Its keys: {keys}.")
    value = record[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        expected = " or ".join(each.__name__ for each in kinds)
        raise LabelError(f"{name!r} must be {expected}. Received: {reprlib.repr(value)}.")
    return value


def unpack(archive: Path, into: Path) -> None:
    """Unpack a ZIP file, its files inside `into` and of a size that can be true.

    Raises:
        LabelError: It is damaged, holds a link or a path that climbs out, or unfolds to far
            more than it is.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            members = packed.infolist()
            total = sum(member.file_size for member in members)
            if total > MAX_UNPACKED_BYTES or total > MAX_RATIO * max(archive.stat().st_size, 1000):
                raise LabelError(
                    f"{archive} unfolds from {archive.stat().st_size} to {total} bytes: a zip "
                    "bomb? Unpack it yourself if it is meant to."
                )
            for member in members:
                outside = not (into / member.filename).resolve().is_relative_to(into.resolve())
                if outside or stat.S_ISLNK(member.external_attr >> 16):
                    raise LabelError(
                        f"{archive} holds {member.filename!r}, which leads out of its folder. "
                        "Pack it again with plain paths."
                    )
            packed.extractall(into)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,  # a compression of its own
        RuntimeError,  # a password
    ) as error:
        raise LabelError(f"{archive} is no ZIP file that can be read: {error}.") from error
