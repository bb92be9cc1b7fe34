"""Trials run from the commit; what is not committed is never touched or left out in silence."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from factory_core.kernel.errors import ConfigError
from factory_core.tune.curve import read_curve
from factory_core.tune.workplace import Workplace, changed_since, git, refuse_uncommitted

CURVE = Path("curves/0/plots/metrics/val/quality.tsv")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("conf/config.yaml", "train: {}\n", id="a changed file"),
        pytest.param("conf/net/wide.yaml", "kind: wide\n", id="an option that Git does not know"),
    ],
)
def test_refuses_what_trials_would_not_see(repository, file, text):
    (repository / file).write_text(text)
    with pytest.raises(ConfigError, match=f"not committed: {file}"):
        refuse_uncommitted(repository, own=repository / "TUNE.yaml")


def test_notes_and_the_plan_itself_may_be_uncommitted(repository):
    (repository / "notes.txt").write_text("of mine")
    (repository / ".gitignore").write_text("")
    subprocess.run(["git", "commit", "-qam", "x"], cwd=repository, check=True)
    (repository / "TUNE.yaml").write_text("name: a")
    refuse_uncommitted(repository, own=repository / "TUNE.yaml")


def test_a_commit_of_the_plan_alone_changes_nothing_for_trials(repository):
    base = git("rev-parse", "HEAD", root=repository)
    own = repository / "TUNE.yaml"
    for text in ("trials: 2", "trials: 4"):
        own.write_text(text)
        git("add", "--force", "TUNE.yaml", root=repository)
        git("commit", "-qm", "x", root=repository)
    assert changed_since(base, root=repository, own=own) == []
    (repository / "conf/config.yaml").write_text("train: {}\n")
    git("commit", "-qam", "x", root=repository)
    assert changed_since(base, root=repository, own=own) == ["conf/config.yaml"]


def test_ends_a_process_with_all_it_started_and_no_other(tmp_path):
    place = Workplace(tmp_path, tmp_path, "")
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    started = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, start_new_session=True
    )
    born = psutil.Process(started.pid).create_time()
    while len(children := psutil.Process(started.pid).children()) < 1:
        time.sleep(0.02)
    running = tmp_path / "running.json"
    running.write_text(f'{{"session": {started.pid}, "born": {born - 60}}}')
    place.end()
    assert started.poll() is None, "another process of that number, born at another time"
    running.write_text(f'{{"session": {started.pid}, "born": {born}}}')
    place.end()
    assert not psutil.pid_exists(started.pid)
    assert not children[0].is_running()
    started.wait()
    assert not running.exists()
    started.stdin.close()


def test_what_ends_by_itself_while_it_is_killed_is_no_error(tmp_path):
    # `cat` ends as soon as the `sleep` before it, of the lower number, is gone.
    pipes = subprocess.Popen(
        ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 | cat & done; wait"],
        start_new_session=True,
    )
    leader = psutil.Process(pipes.pid)
    started = []
    while [process.name() for process in started].count("cat") < 9:
        started = leader.children(recursive=True)
    running = tmp_path / "running.json"
    running.write_text(f'{{"session": {pipes.pid}, "born": {leader.create_time()}}}')
    Workplace(tmp_path, tmp_path, "").end()
    pipes.wait()
    assert not running.exists()
    assert not any(process.is_running() for process in started)


def test_reads_a_table_in_the_making_and_no_other(tmp_path):
    rows = "step\tquality\n0\t0.25\n1\t0.5\n2\t0.7"
    finished = tmp_path / CURVE
    making = tmp_path / "curves/.0.abc.partial" / CURVE.relative_to("curves/0")
    for file in (finished, making):
        file.parent.mkdir(parents=True)
        file.write_text(rows)
    start = making.stat().st_mtime_ns
    assert read_curve(CURVE, root=tmp_path, since_ns=start) == {0: 0.25, 1: 0.5}
    os.utime(making, ns=(start - 1, start - 1))
    assert read_curve(CURVE, root=tmp_path, since_ns=start) == {}
