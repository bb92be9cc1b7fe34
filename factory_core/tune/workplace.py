"""Where trials run: a clone of one commit, so that nobody's working tree is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from factory_core.kernel import io
from factory_core.kernel.errors import ConfigError, OutputError

COMMITTER = "factory <factory@localhost>"


def git(*arguments: str, root: Path, text: str | None = None, **environment: str) -> str:
    """Run git at `root` and give what it prints.

    Raises:
        OutputError: It fails.
    """
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise OutputError(f"`git {' '.join(arguments)}` failed in {root}: {done.stderr.strip()}")
    return done.stdout.strip()


def git_import(stream: bytes, *, root: Path) -> None:
    """Give `stream` to `git fast-import`; a branch that is there is written anew.

    Raises:
        OutputError: It fails.
    """
    command = ["git", "fast-import", "--quiet", "--force", "--date-format=now"]
    done = subprocess.run(command, cwd=root, input=stream, capture_output=True, check=False)
    if done.returncode:
        raise OutputError(f"`{' '.join(command)}` failed in {root}: {done.stderr.decode().strip()}")


def refuse_uncommitted(root: Path, *, own: Path) -> None:
    """Refuse to search over what is not committed: trials run from the commit.

    Args:
        root: Root of the detector.
        own: The TUNE.yaml, which no trial reads.

    Raises:
        ConfigError: A tracked file differs from the commit, or one that Git does not know lies
            where the pipeline may read it.
    """
    listed = git("status", "--porcelain", "--untracked-files=all", root=root).splitlines()
    states = [line.split(maxsplit=1) for line in listed]
    changed = [
        name for state, name in states if state != "??" or name.endswith((".py", ".dvc", ".yaml"))
    ]
    changed = _other_than(own, changed, root=root)
    if changed:
        raise ConfigError(
            f"Trials run from the last commit, in a folder of their own, and would not see what is "
            f"not committed: {', '.join(sorted(changed)[:8])}. Commit it (`git commit`), or put it "
            "aside (`git stash`)."
        )


def changed_since(base: str, *, root: Path, own: Path) -> list[str]:
    """Files in which the last commit differs from `base`, but for `own`, which no trial reads."""
    names = git("diff", "--name-only", "-z", base, "HEAD", root=root).split("\0")
    return _other_than(own, filter(None, names), root=root)


def _other_than(own: Path, names: Iterable[str], *, root: Path) -> list[str]:
    return [name for name in names if (root / name).resolve() != own.resolve()]


@dataclass(frozen=True)
class Workplace:
    """A clone of the detector at one commit, which shares its DVC cache.

    Attributes:
        root: Root of the detector.
        folder: Folder of the study; the clone is `work` in it.
        base: The commit that trials start from.
    """

    root: Path
    folder: Path
    base: str

    @property
    def work(self) -> Path:
        """Root of the clone."""
        return self.folder / "work"

    @property
    def _started(self) -> Path:
        return self.folder / "running.json"

    def open(self) -> None:
        """Make the clone where there is none, and end what a killed search left running."""
        self.end()
        if (self.work / ".ready").exists():
            return
        shutil.rmtree(self.work, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        root = str(self.root.resolve())
        git("clone", "--quiet", "--no-checkout", root, str(self.work.resolve()), root=self.root)
        git("checkout", "--quiet", "--detach", self.base, root=self.work)
        for name in ("config.local", "tmp/btime"):
            if (self.root / ".dvc" / name).is_file():
                (self.work / ".dvc" / name).parent.mkdir(exist_ok=True)
                shutil.copy(self.root / ".dvc" / name, self.work / ".dvc" / name)
        cache = _dvc("cache", "dir", root=self.root)
        _dvc("config", "--local", "cache.dir", cache, root=self.work)
        with (self.work / ".git/info/exclude").open("a") as file:
            file.write("\n/.ready\n")
        (self.work / ".ready").touch()

    def start(self, name: str, *, stage: str, overrides: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start the experiment `name`; what it prints goes to its file in `logs`."""
        sets = [part for override in overrides for part in ("-S", override)]
        log = self.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "dvc", "exp", "run", stage, "--name", name, *sets],
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        born = psutil.Process(process.pid).create_time()
        io.write_json({"session": process.pid, "born": born}, self._started)
        return process

    def log(self, name: str) -> Path:
        """Where the output of an experiment stands."""
        return self.folder / "logs" / f"{name}.log"

    def end(self) -> None:
        """Kill the experiment that runs, with all it started, and the locks it leaves."""
        if not self._started.is_file():
            return
        started = json.loads(self._started.read_text(encoding="utf-8"))
        while members := _session(started["session"], born=started["born"]):
            for process in members:
                # One that ends by itself meanwhile, because what it waited for is gone, is as good.
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            _, alive = psutil.wait_procs(members, timeout=60)
            if alive:
                raise OutputError(
                    f"processes {sorted(process.pid for process in alive)} of the trial that ran "
                    f"before were killed and have not ended after a minute; end them, and run again"
                )
        for left in ("rwlock", "rwlock.lock", "lock"):
            (self.work / ".dvc/tmp" / left).unlink(missing_ok=True)
        shutil.rmtree(self.work / ".dvc/tmp/exps", ignore_errors=True)
        self._started.unlink()


def _session(session: int, *, born: float) -> list[psutil.Process]:
    """The processes of a session, its leader last; none of a later one with the same number."""
    members = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) != session or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.pid == session and abs(process.create_time() - born) > 1:
                return []
        except (ProcessLookupError, psutil.NoSuchProcess, PermissionError):
            continue
        members.append(process)
    return sorted(members, key=lambda process: process.pid == session)


def _dvc(*arguments: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OutputError(f"`dvc {' '.join(arguments)}` failed in {root}: {done.stderr.strip()}")
    return done.stdout.strip()
