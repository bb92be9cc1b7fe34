"""The files of a detector as they are now, or as they were at a Git revision or DVC experiment."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory_core.kernel.errors import OutputError

WORKSPACE = "workspace"


@dataclass(frozen=True)
class Workspace:
    """What lies in the folder of the detector now.

    Attributes:
        root: Root of the repository.
        name: `workspace`.
    """

    root: Path
    name: str = WORKSPACE

    def has(self, path: str) -> bool:
        """Whether the file `path` is there."""
        return (self.root / path).is_file()

    def bring(self, path: str, out: Path) -> None:
        """Put the file `path` of the repository at `out`, as a link.

        Raises:
            OutputError: It is not there.
        """
        file = self.root / path
        if not file.is_file():
            raise OutputError(
                f"{file} is not in the workspace. Bring it with `dvc pull`, or make it with "
                "`dvc repro`; or name two revisions that are committed."
            )
        _link(file, out)


@dataclass(frozen=True)
class Revision:
    """A commit: what Git holds of it, and what DVC does.

    Attributes:
        root: Root of the repository.
        name: As it was asked for.
        files: `DVCFileSystem` of that commit.
    """

    root: Path
    name: str
    files: Any

    def has(self, path: str) -> bool:
        """Whether the commit knows the file `path`, of Git or of DVC."""
        return bool(self.files.exists(path))

    def bring(self, path: str, out: Path) -> None:
        """Put the file `path` of the repository at `out`: a link into the cache, or fetched.

        Raises:
            OutputError: The revision has none, or it is neither in the cache nor in the remote.
        """
        try:
            known = self.files.exists(path)
            if known:
                self._bring(path, out)
        except Exception as error:  # each remote has errors of its own
            raise OutputError(
                f"{path} of the revision {self.name!r} is neither in the cache of DVC nor in its "
                f"remote ({type(error).__name__}: {error}). Bring it with `dvc fetch "
                "--all-commits` (for an experiment `dvc exp pull REMOTE NAME`), where somebody "
                "has pushed it; else check that revision out and run `dvc repro`."
            ) from error
        if not known:
            raise OutputError(
                f"The revision {self.name!r} has no {path}: it is older than its first "
                "`dvc repro`, or its dvc.lock was not committed, or the data is neither in the "
                "cache nor in a remote. Try `dvc fetch --all-commits`, or name another revision."
            )

    def _bring(self, path: str, out: Path) -> None:
        out.parent.mkdir(parents=True, exist_ok=True)
        md5 = self.files.info(path).get("md5")
        cached = Path(self.files.repo.cache.local.oid_to_path(md5)) if md5 else None
        if cached is not None and cached.is_file():  # scenes are large: no copy of them
            _link(cached, out)
        else:
            self.files.get_file(path, str(out))


def open_revision(root: Path, revision: str | None) -> Workspace | Revision:
    """Open the detector at `root` as it was.

    Args:
        root: Root of the repository.
        revision: Anything that Git takes for a commit, or the name of a DVC experiment; None is
            what lies in the folder now.

    Raises:
        OutputError: There is no such revision, or no repository of Git and DVC.
    """
    if revision is None:
        return Workspace(root)
    from dvc.api import DVCFileSystem  # type: ignore[import-untyped]
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]
    from dvc.scm import RevError  # type: ignore[import-untyped]

    files = DVCFileSystem(repo=str(root), rev=revision)
    try:
        _ = files.repo  # opened at its first use
    except RevError as error:
        raise OutputError(
            f"There is no revision {revision!r} in the Git repository {root.resolve()}, and no "
            f"finished experiment of that name ({error}). `git log`, `git tag` and `dvc exp list "
            "--all-commits` list those there are."
        ) from error
    except DvcException as error:
        raise OutputError(
            f"{root.resolve()} is no repository of Git and DVC ({error}). Start in the root of a "
            "detector."
        ) from error
    return Revision(root, revision, files)


def _link(file: Path, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        out.symlink_to(file.resolve())
    except OSError:  # a file system without links
        shutil.copyfile(file, out)
