"""DVC experiments as Git keeps them: the one place that knows the layout of `refs/exps`.

DVC writes an experiment as a commit on its base, under `refs/exps/<base>/<name>`. The layout is
DVC's own and undocumented: a test holds it to the installed DVC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from factory_core.tune.workplace import COMMITTER, Workplace, git, git_import


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


@dataclass(frozen=True)
class Experiment:
    """What an experiment holds beside its base.

    Attributes:
        name: Its name.
        files: Content of each file in which it differs from its base, and in nothing else.
        message: Of its commit.
    """

    name: str
    files: Mapping[Path, bytes]
    message: str


def write(place: Workplace, experiments: Sequence[Experiment]) -> None:
    """Write experiments on the base, all by one `git fast-import`.

    What was not finished must not stand in `dvc.lock`, or DVC would take the outputs of another
    run for its own; `dvc exp save` would write just that.

    Raises:
        OutputError: Git refuses.
    """
    stream = b"".join(_commit(one, base=place.base) for one in experiments)
    git_import(stream, root=place.root)


def _commit(one: Experiment, *, base: str) -> bytes:
    message = one.message.encode()
    head = f"commit {_folder(base)}/{one.name}\ncommitter {COMMITTER} now\ndata {len(message)}\n"
    files = b"".join(
        f"M 100644 inline {path.as_posix()}\ndata {len(content)}\n".encode() + content + b"\n"
        for path, content in one.files.items()
    )
    return head.encode() + message + f"\nfrom {base}\n".encode() + files + b"\n"


def listed(place: Workplace) -> set[str]:
    """Names of the experiments on the base, as DVC lists them."""
    with import_module("dvc.repo").Repo(str(place.root)) as repo:
        found = repo.experiments.ls(rev=place.base)
    return {name for experiments in found.values() for name, *_ in experiments}


def remove(place: Workplace, names: Sequence[str]) -> None:
    """Forget experiments on the base."""
    for name in names:
        git("update-ref", "-d", f"{_folder(place.base)}/{name}", root=place.root)


def _folder(base: str) -> str:
    return f"refs/exps/{base[:2]}/{base[2:]}"
