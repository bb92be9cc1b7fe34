"""Seconds until `factory --help` has printed, over those of a Python that does nothing.

    python benchmarks/startup.py [--runs 15]

Both run in turn, so that a busy machine slows both; medians are compared. The last line is one
JSON object; its `ratio` is `factory --help` over `python -c pass`, and `seconds` that of the first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "factory": [str(Path(sys.executable).with_name("factory")), "--help"],
    "python": [sys.executable, "-c", "pass"],
}


def main() -> None:
    """Run both in turn and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="of each, after one that warms up")
    arguments = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.runs + 1):
        for name, command in COMMANDS.items():
            seconds[name].append(run(command))
    factory, python = (statistics.median(seconds[name][1:]) for name in COMMANDS)
    print(
        json.dumps(
            {
                "ratio": round(factory / python, 2),
                "seconds": round(factory, 3),
                "python_seconds": round(python, 3),
                "runs": arguments.runs,
            }
        )
    )


def run(command: list[str]) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
