"""Whole outputs or none, whatever happens on the way."""

import errno
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from factory_core.kernel import io
from factory_core.kernel.errors import OutputError

KEY = {"sections": {"a": 1}, "code": "abc"}


def write(folder, **files):
    for name, text in files.items():
        (folder / name).write_text(text)


def read(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def out(tmp_path):
    """An output of an earlier run."""
    with io.staged(tmp_path / "deep" / "out", key={}) as work:
        write(work, old="old")
    return tmp_path / "deep" / "out"


def stop(out, error):
    """Write one file of a new output, then fail."""
    with io.staged(out, key=KEY) as work:
        write(work, one="done")
        raise error


def test_takes_the_place_of_what_was_there(out):
    with io.staged(out, key=KEY) as work:
        write(work, new="new")
        assert read(out) == {"old": "old"}
    assert read(out) == {"new": "new"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_leaves_what_was_there_when_it_fails(out):
    with pytest.raises(ValueError, match="bad"):
        stop(out, ValueError("bad"))
    assert read(out) == {"old": "old"}


@pytest.mark.parametrize(
    ("key", "found"),
    [
        pytest.param(KEY, {"one": "done"}, id="same key goes on"),
        pytest.param(KEY | {"code": "new"}, {}, id="another key starts anew"),
    ],
)
def test_goes_on_where_it_was_stopped(out, key, found):
    with pytest.raises(KeyboardInterrupt):
        stop(out, KeyboardInterrupt())
    with io.staged(out, key=key) as work:
        assert read(work) == found
        write(work, two="done")
    assert read(out) == found | {"two": "done"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


KILLED = """
    import os, signal
    from pathlib import Path
    from factory_core.kernel import io

    with io.staged(Path("out"), key={}) as work:
        (work / "finished").write_text("finished")
        with io.staged_file(work / "half.txt") as file:
            file.write_text("ha")
            os.kill(os.getpid(), signal.SIGKILL)
"""


def test_survives_a_kill(out):
    script = textwrap.dedent(KILLED)
    done = subprocess.run([sys.executable, "-c", script], cwd=out.parent, check=False)
    assert done.returncode == -signal.SIGKILL
    assert read(out) == {"old": "old"}
    with io.staged(out, key={}) as work:
        assert (work / "finished").read_text() == "finished"
        assert not (work / "half.txt").exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["full", "quota"])
def test_says_that_the_disk_is_full(out, number):
    with pytest.raises(OutputError, match=f"disk is full: {out} could not"):
        stop(out, OSError(number, os.strerror(number)))
    assert read(out) == {"old": "old"}
    with io.staged(out, key=KEY) as work:
        assert read(work) == {"one": "done"}


def test_says_that_a_folder_may_not_be_written(out):
    with pytest.raises(OutputError, match=r"out may not be written: Permission denied"):
        stop(out, PermissionError(errno.EACCES, "Permission denied"))


def test_leaves_other_errors_as_they_are(out):
    with pytest.raises(FileNotFoundError), io.staged(out, key=KEY) as work:
        (work / "nowhere" / "x").write_text("x")


def test_writes_a_file_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "x.json"
    io.write_json({"a": 1}, path)
    with pytest.raises(ValueError, match="JSON compliant"):
        io.write_json({"a": float("nan")}, path)
    assert io.read_json(path) == {"a": 1}
    assert [file.name for file in path.parent.iterdir()] == ["x.json"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize(
    ("name", "write_it"),
    [
        pytest.param("x.json", lambda out: io.write_json([1] * 9999, out), id="json"),
        pytest.param("x.parquet", lambda out: io.write_table(_table(), out), id="parquet"),
    ],
)
def test_leaves_the_old_file_on_a_full_disk(tmp_path, name, write_it):
    path = tmp_path / name
    path.write_text("old")
    (tmp_path / f".x.partial{path.suffix}").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="disk is full"):
        write_it(path)
    assert read(tmp_path) == {name: "old"}


def _table():
    import numpy as np
    import pandas as pd

    return pd.DataFrame(np.random.default_rng(0).normal(size=(999, 9)))


@pytest.mark.parametrize("text", ["", '{"a": ', "\x00"], ids=["empty", "cut", "binary"])
def test_names_damaged_json(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(OutputError, match=r"x\.json cannot be read as JSON"):
        io.read_json(tmp_path / "x.json")


def test_names_missing_json(tmp_path):
    with pytest.raises(OutputError, match=r"x\.json.*Run the stage"):
        io.read_json(tmp_path / "x.json")


def test_identity_changes_with_the_files(tmp_path):
    write(tmp_path, a="a", b="b")
    before = io.identity([tmp_path])
    assert before == io.identity([tmp_path])
    write(tmp_path, b="bb")
    assert before != io.identity([tmp_path])
    assert len(io.identity([tmp_path / "a"])) == 1
