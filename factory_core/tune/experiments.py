"""DVC experiments as Git keeps them: the one place that knows the layout of `refs/exps`.

DVC writes an experiment as a commit on its base, under `refs/exps/<base>/<name>`. The layout is
DVC's own and undocumented: a test holds it to the installed DVC.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from factory_core.tune.workplace import IDENTITY, Workplace, git


def fetch(place: Workplace) -> None:
    """Bring the experiments of a workplace into the detector."""
    pattern = f"{_folder(place.base)}/*"
    git("fetch", "--quiet", str(place.work.resolve()), f"{pattern}:{pattern}", root=place.root)


def exists(place: Workplace, name: str) -> bool:
    """Whether the detector has the experiment `name` on the base."""
    return bool(git("for-each-ref", f"{_folder(place.base)}/{name}", root=place.root))


def read(place: Workplace, name: str, path: Path) -> str:
    """The text of a file of an experiment, as Git holds it; empty where it holds none."""
    commit = f"{_folder(place.base)}/{name}"
    if not git("ls-tree", "--name-only", commit, path.as_posix(), root=place.root):
        return ""
    return git("show", f"{commit}:{path.as_posix()}", root=place.root)


def record(place: Workplace, name: str, files: Mapping[Path, str], *, message: str) -> None:
    """Write an experiment that differs from its base in `files` and in nothing else.

    What was not finished must not stand in `dvc.lock`, or DVC would take the outputs of another
    run for its own; `dvc exp save` would write just that.
    """
    root = place.root
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git("read-tree", place.base, root=root, **index)
        for path, text in files.items():
            blob = git("hash-object", "-w", "--stdin", root=root, text=text)
            entry = f"100644,{blob},{path.as_posix()}"
            git("update-index", "--add", "--cacheinfo", entry, root=root, **index)
        tree = git("write-tree", root=root, **index)
    commit = git(*IDENTITY, "commit-tree", tree, "-p", place.base, "-m", message, root=root)
    git("update-ref", f"{_folder(place.base)}/{name}", commit, root=root)


def _folder(base: str) -> str:
    return f"refs/exps/{base[:2]}/{base[2:]}"
