"""Checksums of a folder, in the form that `sha256sum -c SHA256SUMS` reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from factory_core.kernel.errors import ModelError

SUMS = "SHA256SUMS"


def write_checksums(folder: Path) -> None:
    """Write `SHA256SUMS` of every file under `folder`."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in _names(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def verify_checksums(folder: Path) -> None:
    """Refuse a folder that is not what was written.

    Raises:
        ModelError: A file is missing, is new or differs; names it.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise ModelError(f"{folder} is no bundle: it has no {SUMS}. `factory bundle` writes one.")
    lines = sums.read_text(encoding="utf-8").splitlines()
    stated = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = _names(folder)
    wrong = {
        "missing": [name for name in stated if name not in there],
        "not of the bundle": [name for name in there if name not in stated],
        "damaged": [n for n in there if n in stated and _sha256(folder / n) != stated[n]],
    }
    found = [f"{', '.join(names)} ({why})" for why, names in wrong.items() if names]
    if found:
        raise ModelError(
            f"{folder} is not what was bundled: {'; '.join(found)}. Fetch the bundle again."
        )


def _names(folder: Path) -> list[str]:
    files = (file for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    return [name for name in names if name != SUMS]


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
