"""Make the new folder a Git and DVC repository with a composed configuration; no network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import factory_core

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
FACTORY = Path(factory_core.__file__).parent

DVC_CONFIG = """\
[core]
    analytics = false
    check_update = false
    autostage = true
[hydra]
    enabled = True
[cache]
    type = "reflink,hardlink,symlink,copy"
"""
REMOTE = """\
['remote "team"']
    url = {url}
"""


def main() -> None:
    """Lock, initialise, compose, commit."""
    shutil.copy(find_lock(), "requirements.lock")
    needs = [requirement(ANSWERS["factory_core"]), "hatchling", "pytest", "uv"]
    Path("requirements.in").write_text("\n".join(needs) + "\n")
    run("git", "init", "--quiet", "--initial-branch", "main")
    run(sys.executable, "-m", "dvc", "init", "--quiet")
    config = DVC_CONFIG
    if ANSWERS["remote"]:
        remote = ANSWERS["remote"]
        url = remote if "://" in remote else Path(remote).expanduser().resolve()
        config = config.replace("[core]\n", "[core]\n    remote = team\n")
        config += REMOTE.format(url=url)
    Path(".dvc/config").write_text(config)
    run(sys.executable, "-m", "factory_core.cli", "compose")
    run("git", "add", "--all")
    identity = [] if known_to_git() else ["-c", "user.name=factory", "-c", "user.email=factory@localhost"]
    run("git", *identity, "commit", "--quiet", "-m", f"{ANSWERS['detector_name']}: baked by the factory")


def find_lock() -> Path:
    """The lock that this factory_core was tested with: in its wheel, or beside it in a checkout."""
    places = (FACTORY / "requirements.lock", FACTORY.parent / "requirements.lock")
    return next(place for place in places if place.is_file())


def requirement(pin: str) -> str:
    """The line of requirements.in that pins factory_core with its training extra."""
    if pin.startswith("factory-core=="):
        return pin.replace("factory-core", "factory-core[train]")
    if not pin.startswith(("git+", "file:")):
        pin = Path(pin).expanduser().resolve().as_uri()
    return f"factory-core[train] @ {pin}"


def known_to_git() -> bool:
    """Whether Git knows who commits."""
    found = subprocess.run(["git", "config", "user.email"], capture_output=True, check=False)
    return found.returncode == 0


def run(*command: str) -> None:
    """Run one command; its failure ends the baking, and Cookiecutter removes the folder."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"error: {' '.join(command)} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
        sys.exit(1)


main()
