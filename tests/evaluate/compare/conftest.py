"""A repository of Git and DVC with versions of one detector, made by code."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo
from omegaconf import OmegaConf

from factory_core.kernel import io
from tests.evaluate.conftest import World, detections_frame, square

SCENES = tuple(f"s{number}" for number in range(8))
PLACES = ((10, 10), (40, 10), (70, 10), (10, 60))
OLD_FALSE, NEW_FALSE, KEPT_FALSE = (40, 80), (70, 80), (95, 80)
TRACKED = ["data/catalogue", "data/detections", "data/processed", "data/selection"]


def detections(extra: int, *, false: tuple[int, int]) -> dict[str, list]:
    """Of the four houses of scene n, the first n modulo 3, and `extra` more; two false ones."""
    return {
        name: [
            *(("house", 0.9, square(*place)) for place in PLACES[: number % 3 + extra]),
            ("house", 0.5, square(*false)),
            ("house", 0.4, square(*KEPT_FALSE)),
        ]
        for number, name in enumerate(SCENES)
    }


def git(root: Path, *command: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", *identity, *command], cwd=root, check=True, capture_output=True)


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tags v0 (without data), v1, v2 and elsewhere, and the experiment `tried` on v2.

    v2 finds one house more on every scene than v1, and has another false detection on each;
    `tried` has the detections of v1 again. `elsewhere` tests on none of the scenes, and
    `fewer` on two of them. The workspace is as v2.
    """
    root = tmp_path_factory.mktemp("compare") / "detector"
    root.mkdir()
    git(root, "init", "-q")
    with pytest.MonkeyPatch.context() as patch:
        for key in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
            patch.setenv(key, "t")
        for key in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
            patch.setenv(key, "t@localhost")
        yield _made(root)


def _made(root: Path) -> Path:
    with Repo.init(str(root)) as repo:
        world = World(root, {"places": 2})
        _choose(world, min_score=0.2)
        commit(root, "v0")
        houses = {name: [("house", square(*place)) for place in PLACES] for name in SCENES}
        world.add(labels=houses, detections=detections(0, false=OLD_FALSE))
        shutil.rmtree(root / "data/predictions")
        _add(repo)
        commit(root, "v1")
        for tag, splits in (("elsewhere", ["train"] * 8), ("fewer", ["test"] * 2 + ["val"] * 6)):
            _select(world, splits)
            _add(repo)
            commit(root, tag)
        _select(world, ["test"] * 8)
        _detect(world, detections(1, false=NEW_FALSE))
        _choose(world, min_score=0.3)
        _add(repo)
        commit(root, "v2")
        _detect(world, detections(0, false=OLD_FALSE))
        here = Path.cwd()
        os.chdir(root)
        _add(repo)
        repo.experiments.save(name="tried", force=True)
        git(root, "checkout", "-q", "--", ".")
        repo.checkout(force=True)
        os.chdir(here)
    return root


def _choose(world: World, *, min_score: float) -> None:
    params = OmegaConf.merge(world.config, {"postprocess": {"min_score": min_score}})
    (world.root / "params.yaml").write_text(OmegaConf.to_yaml(params), encoding="utf-8")


def _select(world: World, splits: list[str]) -> None:
    path = world.root / "data/selection/selection.parquet"
    table = io.read_table(path)
    io.write_table(table.assign(split=splits), path)


def _detect(world: World, found: dict[str, list]) -> None:
    frames = (detections_frame(rows, scene_id=name) for name, rows in found.items())
    world.write("detections/test.parquet", frames)


def _add(repo: Repo) -> None:
    repo.add([str(Path(repo.root_dir, path)) for path in TRACKED])


def commit(root: Path, tag: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", tag)
    git(root, "tag", tag)
