"""Running points at full speed over the same points as plain DVC experiments, on one detector.

    make demo && python benchmarks/running_points.py --detector build/tree_detector

A grid of 1,000 points by `factory running-points`, from the start of the command to its page, in a
clone of the detector's last commit; then some of the same points by `dvc exp run`, one after the
other, from the same clone. Both run the same post-processing and metrics on the same predictions;
the numbers of the points must be equal, or this fails. Seconds by the clock, and of the processor
(children included), which other jobs on the machine change less.
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

from factory_core.running_points.promote import STEPS
from factory_core.tune.workplace import Workplace, git

FACTORY = "import sys; from factory_core.cli import main; sys.argv[0] = 'factory'; main()"
POINTS = {
    "name": "bench",
    "space": {
        "postprocess.tasks.min_score.min_score": {"low": 0.1, "high": 0.58, "step": 0.02},
        "postprocess.tasks.non_maximum_suppression.max_iou": {
            "low": 0.1,
            "high": 0.86,
            "step": 0.04,
        },
        "postprocess.tasks.non_maximum_suppression.overlap_of": ["geometry", "box"],
    },
    "objectives": {"f1": "maximize"},
}


def timed(command: list[str], *, root: Path) -> tuple[float, float, str]:
    """Seconds by the clock and of the processor that a command takes, and what it prints."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    clock_s = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return clock_s, used_s, done.stdout


def clone(detector: Path, folder: Path) -> Path:
    """A clone with what DVC keeps of the commit, so that the detector itself is not touched."""
    place = Workplace(detector, folder, git("rev-parse", "HEAD", root=detector))
    place.open()
    timed([sys.executable, "-m", "dvc", "checkout", "--quiet", "--allow-missing"], root=place.work)
    return place.work


def run_plainly(root: Path, table: pd.DataFrame, *, count: int) -> list[tuple[float, float]]:
    """Time `dvc exp run` of some points spread over the table; their numbers must be equal."""
    keys = [key for key in table if key.startswith("postprocess.")]
    seconds = []
    for _, row in table.iloc[:: max(1, len(table) // count)].head(count).iterrows():
        sets = [part for key in keys for part in ("-S", f"{key}={row[key]}")]
        # Without a look at the stages before them, which is in favour of DVC.
        stages = [f"{step}@val" for step in STEPS]
        command = [sys.executable, "-m", "dvc", "exp", "run", "--single-item", *stages, *sets]
        *spent, _ = timed(command, root=root)
        metrics = json.loads((root / "evaluation/val/metrics.json").read_text())
        if metrics["f1"] != row["f1"]:
            sys.exit(f"{row['point']}: f1 {row['f1']} by the search, {metrics['f1']} by DVC")
        seconds.append((spent[0], spent[1]))
        print(f"  dvc exp run {row['point']}: {spent[0]:.1f} s, of the processor {spent[1]:.1f} s")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--detector", type=Path, default=Path("build/tree_detector"))
    parser.add_argument("--experiments", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = clone(given.detector.resolve(), Path(folder))
        (root / "POINTS.yaml").write_text(yaml.safe_dump(POINTS, sort_keys=False))
        search = [sys.executable, "-c", FACTORY, "running-points", "POINTS.yaml"]
        clock_s, used_s, output = timed(search, root=root)
        table = pd.read_parquet(root / "running_points/bench/points.parquet")
        print(output)
        print(
            f"{len(table)} points, start to page: {clock_s:.1f} s, of the processor {used_s:.1f} s"
        )
        plain = run_plainly(root, table, count=given.experiments)
    of_ten = [sum(spent) for spent in zip(*plain, strict=True)]
    for name, mine, theirs in zip(("clock", "processor"), (clock_s, used_s), of_ten, strict=True):
        ratio = (theirs / len(plain)) / (mine / len(table))
        print(
            f"by the {name}: {1000 * mine / len(table):.0f} ms a point, by dvc exp run "
            f"{theirs / len(plain):.1f} s: {ratio:.0f} times cheaper; {len(table)} points over "
            f"{len(plain)} experiments: {mine / theirs:.2f}"
        )


if __name__ == "__main__":
    main()
