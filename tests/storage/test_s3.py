"""A detector's data in a real S3 store: pushed, pulled, refused, and whole after a crash."""

import hashlib
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import yaml

from tests.storage.conftest import BUCKET, KEY, SECRET
from tests.template.conftest import BIN, SIZE_PX, bake, run

pytestmark = pytest.mark.slow

# A server that is gone is gone: do not try for a minute.
IMPATIENT = {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}
SHARDS, SHARD_BYTES = 60, 1_000_000


def clone_of(repository, folder, *, key=KEY, secret=SECRET):
    """A fresh clone of a repository, with credentials."""
    run("git", "clone", "--quiet", repository, folder, cwd=folder.parent)
    # What `dvc remote modify --local` wrote in the first one, in no time.
    local = (repository / ".dvc/config.local").read_text()
    (folder / ".dvc/config.local").write_text(local.replace(KEY, key).replace(SECRET, secret))
    return folder


def hashes(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def detector(store, tmp_path_factory):
    """A baked detector with its dataset built and pushed."""
    folder = tmp_path_factory.mktemp("detector")
    sample = folder / "airfield"
    run("factory", "sample", "airfield", "--out", sample, "--size", SIZE_PX, cwd=folder)
    suggested = sample / "detectors/aircraft"
    baked = bake(folder / "baked", suggested / "answers.yaml", remote=f"s3://{BUCKET}/aircraft")
    assert baked.returncode == 0, baked.stdout
    answers = yaml.safe_load((suggested / "answers.yaml").read_text())["default_context"]
    made = folder / "baked" / answers["detector_name"]
    for part in ("scenes", "labels"):
        shutil.copytree(sample / part, made / "data/raw" / part)
    shutil.copy(suggested / "baseline.yaml", made / "conf/experiment/baseline.yaml")
    run("dvc", "remote", "modify", "team", "endpointurl", store.url, cwd=made)
    for command in (
        ["dvc", "remote", "modify", "--local", "team", "access_key_id", KEY],
        ["dvc", "remote", "modify", "--local", "team", "secret_access_key", SECRET],
        ["factory", "compose"],
        ["dvc", "add", "--quiet", "data/raw"],
        ["dvc", "repro", "--quiet", "dataset"],
        ["git", "add", "--all"],
        ["git", "commit", "--quiet", "--message", "A dataset"],
        ["dvc", "push"],
    ):
        run(*command, cwd=made)
    return made


def test_a_fresh_clone_has_everything_and_nothing_to_do(detector, tmp_path):
    clone = clone_of(detector, tmp_path / "clone")
    run("dvc", "pull", "dataset", "data/raw.dvc", "--with-deps", cwd=clone)
    for folder in ("data/raw", "data/catalogue", "data/processed", "data/dataset"):
        assert hashes(clone / folder) == hashes(detector / folder)
    assert hashes(clone / "data/dataset")
    output = run("dvc", "repro", "dataset", cwd=clone).stdout
    assert "Running stage" not in output
    assert run("git", "status", "--porcelain", cwd=clone).stdout == ""


def test_the_secret_is_nowhere_in_git(detector):
    assert SECRET in (detector / ".dvc/config.local").read_text()
    assert run("git", "check-ignore", ".dvc/config.local", cwd=detector).stdout
    assert SECRET not in run("git", "log", "--all", "--patch", cwd=detector).stdout


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        pytest.param(None, "Unable to locate credentials", id="none"),
        pytest.param({"secret": "not-the-secret"}, "Forbidden", id="wrong secret"),
        pytest.param({"key": "nobody"}, "Forbidden", id="unknown key"),
    ],
)
def test_wrong_credentials_are_refused(detector, tmp_path, credentials, said):
    clone = clone_of(detector, tmp_path / "clone", **(credentials or {}))
    if not credentials:
        (clone / ".dvc/config.local").unlink()
    (tmp_path / "empty").touch()
    names = ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")
    nobody = dict.fromkeys(names, str(tmp_path / "empty"))
    done = run("dvc", "pull", "data/raw.dvc", cwd=clone, check=False, **IMPATIENT, **nobody)
    assert done.returncode != 0
    assert said in done.stdout
    assert not (clone / "data/raw/scenes").exists()
    (clone / "data/more").mkdir()
    (clone / "data/more/0.npy").write_bytes(b"mine")
    run("dvc", "add", "--quiet", "data/more", cwd=clone)
    done = run("dvc", "push", "data/more.dvc", cwd=clone, check=False, **IMPATIENT, **nobody)
    assert done.returncode != 0
    assert said in done.stdout


def test_a_push_that_lost_its_server_is_finished_later(store, detector, tmp_path):
    clone = clone_of(detector, tmp_path / "clone")
    more = clone / "data/more"
    more.mkdir()
    generator = np.random.default_rng(0)
    for number in range(SHARDS):
        (more / f"images-{number:05d}.npy").write_bytes(generator.bytes(SHARD_BYTES))
    run("dvc", "add", "--quiet", "data/more", cwd=clone)
    run("git", "commit", "--quiet", "--all", "--message", "More", cwd=clone)
    before = len(objects(store))

    push = subprocess.Popen(
        [BIN / "dvc", "push", "--jobs", "1", "data/more.dvc"],
        cwd=clone,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **IMPATIENT},
    )
    # The push stands still while it is looked at, or it may end before the look does.
    push.send_signal(signal.SIGSTOP)
    seen = store.files()  # once: to make a client takes longer than a look
    while len(seen.find(BUCKET)) < before + 5:
        push.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        push.send_signal(signal.SIGSTOP)
    store.kill()
    push.send_signal(signal.SIGCONT)
    assert push.wait(timeout=120) != 0
    store.start()
    arrived = len(objects(store)) - before
    assert 5 <= arrived < SHARDS

    run("dvc", "push", "data/more.dvc", cwd=clone)
    assert len(objects(store)) == before + SHARDS + 1
    other = clone_of(clone, tmp_path / "other")
    run("dvc", "pull", "data/more.dvc", "data/raw.dvc", "dataset", cwd=other)
    assert hashes(other / "data/more") == hashes(more)
    for folder in ("data/raw", "data/dataset"):
        assert hashes(other / folder) == hashes(detector / folder)


def objects(store):
    """Every object of the bucket."""
    return store.files().find(BUCKET)
