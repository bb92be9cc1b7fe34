"""The experiment `roads` of the template on a chip of SpaceNet: trained beside where it is judged.

    python benchmarks/roads_trained.py --chip road_mask_input.tif \
        --roads sample_roads_for_masking.geojson --out /tmp/chip

The two files are those of solaris 0.4.0 (PyPI, `solaris/data`): Las Vegas, 1300 x 1300 pixels of
0.3 m in one band, with a kilometre of roads, CC BY-SA 4.0. A detector is baked in `--out`, and
`dvc exp run -S experiment=roads` goes from the chip to a bundle. Blocks of 128 m are train, val or
test, so the ground that is judged was not trained on; but it is the same town, hour and sensor, and
a kilometre is little: this says that the way is whole, not how well roads are found.

The last line is one JSON object: the metrics of lines by split, and the seconds it took.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from factory_core.kernel import io

ROOT = Path(__file__).parents[1]
ANSWERS = {
    "detector_name": "chip_road_detector",
    "package_name": "chip_road_detector",
    "finds": "roads",
    "task": "segmentation",
    "taxonomy": "road",
    "factory_core": str(ROOT),
}
BASELINE = """\
# @package _global_
# Roads of one chip of SpaceNet, 1 km of them.
#   dvc exp run -S experiment=roads
catalogue:
  bands: [pan]
select:
  background_share: 0.3
  split:
    block_m: 128.0
    gap_m: 0.0
process:
  tasks:
    compose_bands: {bands: [pan]}
    reproject: {resolution_m: 0.6}
dataset:
  window_px: 128
  overlap_px: 64
train:
  epochs: %d
  batch_size: 4
evaluate:
  min_labels: 1
"""
SHOWN = (
    *("relaxed_f1", "relaxed_precision", "relaxed_recall", "apls", "length_error"),
    *("junction_f1", "labelled_m", "detected_m"),
)


def main() -> None:
    """Bake, fill, run, and print what was reached."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--chip", type=Path, required=True)
    options.add_argument("--roads", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--epochs", type=int, default=40)
    given = options.parse_args()
    detector = bake(given.out)
    fill(detector, chip=given.chip, roads=given.roads, epochs=given.epochs)
    begun = time.monotonic()
    run("dvc", "exp", "run", "-S", "experiment=roads", cwd=detector)
    found: dict[str, object] = {"seconds": round(time.monotonic() - begun)}
    for split in ("val", "test"):
        metrics = io.read_json(detector / f"evaluation/{split}/metrics.json")
        found[split] = {name: metrics[name] for name in SHOWN}
        print(split, *(f"{name} {metrics[name]}" for name in SHOWN))
    print(json.dumps(found))


def bake(out: Path) -> Path:
    """A new detector repository."""
    out.mkdir(parents=True, exist_ok=True)
    context = [f"{key}={value}" for key, value in ANSWERS.items()]
    run("cookiecutter", str(ROOT), "--no-input", "--output-dir", ".", *context, cwd=out)
    return out / ANSWERS["detector_name"]


def fill(detector: Path, *, chip: Path, roads: Path, epochs: int) -> None:
    """Its data and its baseline, committed."""
    raw = detector / "data/raw"
    (raw / "scenes").mkdir(parents=True)
    shutil.copyfile(chip, raw / "scenes/chip.tif")
    lines = io.read_vectors(roads)
    io.write_vectors(lines[["geometry"]].assign(label="road"), raw / "labels/roads.parquet")
    (detector / "conf/experiment/baseline.yaml").write_text(BASELINE % epochs)
    run("factory", "compose", cwd=detector)
    run("dvc", "add", "--quiet", "data/raw", cwd=detector)
    run("git", "add", "--all", cwd=detector)
    run("git", "commit", "--quiet", "--message", "A chip of SpaceNet", cwd=detector)


def run(*command: str, cwd: Path) -> None:
    """A command of this environment in a folder."""
    first = Path(sys.executable).parent / command[0]
    program = str(first) if first.exists() else command[0]
    subprocess.run([program, *command[1:]], cwd=cwd, check=True)


if __name__ == "__main__":
    main()
