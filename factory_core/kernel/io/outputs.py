"""Whole outputs or none: write beside, then rename."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from factory_core.kernel.errors import OutputError

PARTIAL = ".partial"


@contextmanager
def staged(out: Path, *, key: Mapping[str, Any]) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends well.

    If the block fails or the process is killed, `out` stays as it was and the
    folder stays too: the next call with the same `key` finds it with all that
    was finished, and a call with another key removes it.

    Args:
        out: Folder to write.
        key: What the result depends on (configuration, code, identity of the inputs).

    Yields:
        The folder to write into.

    Raises:
        OutputError: The disk is full, or may not be written.
    """
    work = unfinished(out, key=key)
    with _clear_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        for stale in out.parent.glob(f".{out.name}.*{PARTIAL}"):
            if stale != work:
                _remove(stale)
        work.mkdir(exist_ok=True)
        yield work
        _replace(work, out)


def unfinished(out: Path, *, key: Mapping[str, Any]) -> Path:
    """The folder that `staged` writes into, for who may only look."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
    return out.parent / f".{out.name}.{digest[:16]}{PARTIAL}"


@contextmanager
def staged_file(out: Path) -> Iterator[Path]:
    """A file beside `out` that takes its place when the block ends well.

    It has the same ending as `out`, for writers that choose the format by it.
    """
    work = out.parent / f".{out.stem}{PARTIAL}{out.suffix}"
    with _clear_os_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield work
            os.replace(work, out)
        finally:
            work.unlink(missing_ok=True)


def identity(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file at or under `paths`, for `staged`."""
    files = (
        file
        for path in paths
        for file in (sorted(path.rglob("*")) if path.is_dir() else [path])
        if file.is_file()
    )
    return [(str(file), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]


def write_json(content: object, out: Path) -> None:
    """Write `content` as JSON that people can read and compare."""
    with staged_file(out) as work:
        work.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read one JSON file.

    Raises:
        OutputError: It is missing or damaged: run the stage that writes it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{path} cannot be read as JSON ({error}). Run the stage that writes it again."
        ) from error


def not_written(out: Path, error: Exception) -> OutputError:
    """The error for what GDAL could not write: it hides that a disk is full."""
    free_mb = shutil.disk_usage(out.parent).free / 1e6
    return OutputError(
        f"{out} could not be written ({error}), with {free_mb:.0f} MB free on its disk. What was "
        "there before is untouched. If the disk is full, free some space (`dvc gc -w`, say), and "
        "start the stage again."
    )


@contextmanager
def _clear_os_errors(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(
                f"The disk is full: {out} could not be written. What was there before is "
                "untouched. Free some space (`dvc gc -w`, say) and start the stage again."
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS):
            raise OutputError(f"{out} may not be written: {error.strerror}.") from error
        raise


def _replace(work: Path, out: Path) -> None:
    if out.exists():
        old = out.parent / f".{out.name}.old{PARTIAL}"
        _remove(old)
        os.replace(out, old)
        os.replace(work, out)
        _remove(old)
    else:
        os.replace(work, out)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
