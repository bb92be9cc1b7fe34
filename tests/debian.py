"""Install what a test compares itself with from the packages of Debian."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def install(*packages):
    """Install packages as root; tests that run side by side wait for each other.

    Anyone else's test is skipped, with what is missing.
    """
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"needs {' and '.join(packages)}, and not root to install them")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    lock = Path(tempfile.gettempdir()) / "factory_tests.apt.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for command in (
            ["apt-get", "-qq", "update"],
            ["apt-get", "-qq", "install", "--no-install-recommends", "-y", *packages],
        ):
            subprocess.run(command, check=True, env=environment)
