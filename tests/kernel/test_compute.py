"""The same results, in their order, in this process, in several, and on a Dask cluster."""

import os
import re
from functools import partial
from pathlib import Path

import pytest

import factory_core
from factory_core.kernel.compute import Dask, Local, progress
from factory_core.kernel.errors import ComputeError, SceneError
from factory_core.kernel.jobs import Job
from factory_core.kernel.resources import WORK


def square(number):
    if number == 13:
        raise ValueError("thirteen")
    return number * number


MACHINES = [
    pytest.param(Local(), id="in this process"),
    pytest.param(Local(workers=2), id="in two processes", marks=pytest.mark.slow),
    pytest.param(Dask(workers=2), id="on Dask", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("machine", MACHINES)
def test_results_keep_the_order_of_the_items(machine):
    assert machine.map(square, [3, 1, 2], label="squares") == [9, 1, 4]
    assert machine.map(square, [], label="squares") == []


@pytest.mark.parametrize("machine", MACHINES)
def test_the_first_error_ends_it(machine):
    with pytest.raises(ValueError, match="thirteen"):
        machine.map(square, [1, 13, 2], label="squares")


def note(folder, name):
    """A piece of a job, or its whole; what begins with `bad` fails."""
    if name.startswith("bad"):
        raise SceneError(f"{name} is bad")
    if name.startswith("kill"):
        os._exit(9)
    with (folder / "noted").open("a") as file:
        file.write(f"{name}\n")


def noted(folder):
    return (folder / "noted").read_text().split()


@pytest.mark.parametrize("machine", MACHINES)
def test_a_job_that_fails_stops_no_other(machine, tmp_path):
    jobs = [
        Job("one", ["one.1", "one.2"], "one"),
        Job("two", ["two.1", "bad.2", "two.3"], "two"),
        Job("three", [], "three"),
        Job("four", ["four.1"], "bad four"),
        Job("five", ["five.1"], "five"),
    ]
    work = partial(note, tmp_path)
    failed = machine.finish_jobs(jobs, piece=work, whole=work, label="predict test")
    assert {name: str(error) for name, error in failed.items()} == {
        "two": "bad.2 is bad",
        "four": "bad four is bad",
    }
    done = noted(tmp_path)
    assert {"one", "three", "five"} <= set(done)
    assert "two" not in done
    assert len(done) == len(set(done))
    assert max(done.index("one.1"), done.index("one.2")) < done.index("one")


def test_what_is_complete_is_put_together_before_more_is_begun(tmp_path):
    jobs = [Job(name, [f"{name}.1", f"{name}.2"], name) for name in ("a", "b")]
    work = partial(note, tmp_path)
    assert Local().finish_jobs(jobs, piece=work, whole=work, label="predict") == {}
    assert noted(tmp_path) == ["a.1", "a.2", "a", "b.1", "b.2", "b"]


@pytest.mark.slow
def test_a_process_that_is_killed_is_told(tmp_path):
    work = partial(note, tmp_path)
    jobs = [Job("one", ["one.1", "kill"], "one")]
    with pytest.raises(ComputeError, match=r"killed.*compute\.workers"):
        Local(workers=2).finish_jobs(jobs, piece=work, whole=work, label="predict")


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        pytest.param({"predct": {"GPU": 1}}, "predct.*Did you mean 'predict'", id="misspelt work"),
        pytest.param({"predict": {"GPU": 0}}, r"resources\.predict\.GPU.*above 0", id="nothing"),
    ],
)
def test_refuses_resources_that_cannot_be_meant(resources, words):
    with pytest.raises(ValueError, match=words):
        Dask(resources=resources)


def test_resources_name_work_that_there_is():
    """Or what is stated for it would be read by nothing."""
    sources = [file.read_text() for file in Path(factory_core.__file__).parent.rglob("*.py")]
    labels = {work for text in sources for work in re.findall(r'label=f?"(\w+)', text)}
    assert set(WORK) - {"write"} <= labels


def test_a_log_gets_a_line_a_tenth(capsys):
    assert list(progress(range(20), label="rows")) == list(range(20))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "rows: 2 of 20"
    assert lines[-1] == "rows: 20 of 20"
