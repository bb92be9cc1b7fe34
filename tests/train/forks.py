"""Processes that train, forked from one that has imported what they need for seconds."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from pathlib import Path

PATIENCE_S = 300
# It starts nothing of TensorFlow itself: each child chooses its own threads and devices.
SERVER = """
import json, os, sys
import factory_core.cli, factory_core.train.stage
for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
        continue
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    os.chdir(order["folder"])
    os.environ.update(order["environment"])
    log = os.open("log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.dup2(log, 1), os.dup2(log, 2)
    sys.argv = order["arguments"]
    exec(order["script"])
    break
"""


class Forks:
    """Starts scripts, each in a process of its own; what they say goes into `log` of their folder.

    A context manager, at whose end nothing is left.
    """

    def __enter__(self) -> Forks:
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def start(self, script: str, folder: Path, *arguments: object, **environment: str) -> int:
        """Run a script in a folder; the number of its process."""
        order = {
            "script": script,
            "folder": str(folder),
            "arguments": [str(argument) for argument in ("script", *arguments)],
            "environment": environment,
        }
        return self._answer(order)

    def run(self, script: str, folder: Path, *arguments: object, **environment: str) -> int:
        """Run a script in a folder to its end; its status."""
        return self.status(self.start(script, folder, *arguments, **environment))

    def status(self, process: int) -> int:
        """The status of a process, as soon as it has ended; of a signal, its negative number."""
        return self._answer({"wait": process})

    def _answer(self, order: dict[str, object]) -> int:
        self._server.stdin.write(f"{json.dumps(order)}\n")
        self._server.stdin.flush()
        ready, _, _ = select.select([self._server.stdout], [], [], PATIENCE_S)
        assert ready, f"no end of {order} in {PATIENCE_S} s"
        return int(self._server.stdout.readline())
