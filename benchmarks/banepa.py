"""Bake a detector of buildings on the Banepa drone chips, run it, print pixel IoU and polygon F1.

    python benchmarks/banepa.py --data DIR

DIR holds `train/oam/*.tif` (32 chips of 512 x 512, a grid of 4 by 8, with `.aux.xml` beside them)
and `train/osm/osm_features.geojson`. The two northern rows of the grid test and the third
validates, so that no chip of train touches one of test. The last line is one JSON object; its
`ratio` is the pixel IoU.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pandas as pd

from factory_core.kernel import geo, io

ROOT = Path(__file__).parents[1]
NAME = "building_detector"
ANSWERS = ("task=segmentation", "finds=buildings", "taxonomy=building", f"detector_name={NAME}")
BASELINE = ROOT / "benchmarks" / "banepa.yaml"


def main() -> None:
    """Bake, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the Banepa chips")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "banepa", help="where to bake")
    arguments = parser.parse_args()
    detector = arguments.out / NAME
    if not detector.is_dir():
        arguments.out.mkdir(parents=True, exist_ok=True)
        bake(arguments.out)
    write_raw(arguments.data, detector / "data" / "raw")
    shutil.copy(BASELINE, detector / "conf" / "experiment" / "baseline.yaml")
    started = time.monotonic()
    for command in ("factory compose", "dvc add --quiet data/raw", "dvc repro"):
        run(command.split(), cwd=detector)
    metrics = io.read_json(detector / "evaluation" / "test" / "metrics.json")
    print(
        json.dumps(
            {
                "ratio": metrics["pixel_iou"],
                "pixel_iou": metrics["pixel_iou"],
                "polygon_f1_at_iou_0.5": metrics["f1"],
                "precision": metrics["precision"],
                "recall": metrics["recall"],
                "seconds": round(time.monotonic() - started),
                "detector": str(detector),
            }
        )
    )


def bake(out: Path) -> None:
    """Bake the detector from the template, with its defaults for segmentation."""
    command = ["cookiecutter", str(ROOT), "--no-input", "--output-dir", str(out)]
    run([*command, *ANSWERS, f"factory_core={ROOT}"], cwd=out)


def write_raw(data: Path, raw: Path) -> None:
    """Put the chips and their labels, cut at the edges of the chips, into `raw`."""
    scenes = raw / "scenes"
    scenes.mkdir(parents=True, exist_ok=True)
    for file in sorted((data / "train" / "oam").iterdir()):
        shutil.copy(file, scenes / file.name)
    buildings = io.read_vectors(data / "train" / "osm" / "osm_features.geojson")[["geometry"]]
    cut = [
        cut_at(buildings, io.open_raster(file)).assign(scene_id=file.stem, label="building")
        for file in sorted(scenes.glob("*.tif"))
    ]
    io.write_vectors(
        gpd.GeoDataFrame(pd.concat(cut, ignore_index=True)), raw / "labels" / "buildings.parquet"
    )


def cut_at(buildings: gpd.GeoDataFrame, chip: geo.Raster) -> gpd.GeoDataFrame:
    """The parts of `buildings` that lie on a chip, as single polygons."""
    inside = gpd.clip(buildings.to_crs(str(chip.geobox.crs)), geo.footprint(chip.geobox))
    parts = inside.explode(ignore_index=True)
    return parts[parts.geom_type == "Polygon"]


def run(command: list[str], *, cwd: Path) -> None:
    """Run a command of this environment; its failure ends the benchmark."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(command, cwd=cwd, check=True, env={**os.environ, "PATH": path})


if __name__ == "__main__":
    main()
