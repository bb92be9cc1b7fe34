"""What the edges of scenes cost, and what joining wins back: scenes whole, and cut in four.

    python benchmarks/scene_edges.py --detector DIR    # a detector with bundle/ and data/

Each scene goes through the bundle whole, then as four that adjoin, then as four that overlap,
apart and joined. F1 is that of upright boxes at IoU 0.5, whatever the class, over all scenes, those
of train too: compare the rows with each other, not with the figures of a release.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shapely
from geopandas import GeoDataFrame

from factory_core.bundle.detector import Detector, load_detector
from factory_core.bundle.inputs import find_raw_scenes
from factory_core.bundle.predict import gather
from factory_core.evaluate.matching import Overlaps, match_greedily
from factory_core.kernel import io

IOU = 0.5
TOLERANCE_PX = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--min-score", type=float, default=0.0, help="over that of the chain")
    parser.add_argument("--overlap-px", type=int, default=64)
    arguments = parser.parse_args()
    folder = arguments.detector
    detector = load_detector(folder / "bundle")
    labels = dict(io.read_by_scene(folder / "data/catalogue/labels.parquet"))
    scenes = find_raw_scenes([folder / "data/raw/scenes"], companions=detector.companions)
    totals: dict[str, np.ndarray] = {}
    for number, scene in enumerate(scenes, start=1):
        print(f"{number} of {len(scenes)}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as work:
            for name, found in _ways(detector, scene, Path(work), overlap_px=arguments.overlap_px):
                kept = found[found["score"] >= arguments.min_score]
                counted = _count(kept, labels[scene.stem].to_crs(kept.crs))
                totals[name] = totals.get(name, 0) + counted
    print("| scenes | labels | detections | right | F1 |\n| --- | ---: | ---: | ---: | ---: |")
    for name, (label, found, right) in totals.items():
        print(f"| {name} | {label} | {found} | {right} | {2 * right / (label + found):.3f} |")


def _ways(
    detector: Detector, scene: Path, work: Path, *, overlap_px: int
) -> Iterator[tuple[str, GeoDataFrame]]:
    """The detections of a scene, seen whole and in parts."""
    yield "whole", detector.detect(detector.open(scene), scratch=work).detections
    tolerance_m = TOLERANCE_PX * detector.engine.ensemble.signature.resolution_m
    for shared_px in (0, overlap_px):
        parts = [
            detector.detect(detector.open(part), scratch=work)
            for part in _quarters(scene, work, overlap_px=shared_px)
        ]
        detections = {str(number): part.detections for number, part in enumerate(parts)}
        grounds = {str(number): part.watch.ground() for number, part in enumerate(parts)}
        name = f"four that overlap by {shared_px} pixels" if shared_px else "four that adjoin"
        for how, shown in (("apart", {}), ("joined", grounds)):
            found = gather(detections, shown, tolerance_m=tolerance_m, detector=detector)
            yield f"{name}, {how}", found


def _quarters(scene: Path, work: Path, *, overlap_px: int) -> Iterator[Path]:
    raster = io.open_raster(scene)
    pixels = raster.read(raster.geobox)
    half = overlap_px // 2
    spans = [
        (slice(0, side // 2 + half), slice(side // 2 - half, side)) for side in raster.geobox.shape
    ]
    for row, rows in enumerate(spans[0]):
        for column, columns in enumerate(spans[1]):
            grid = raster.geobox[rows, columns]
            part = work / f"{overlap_px}_{row}{column}.tif"
            io.write_cog(
                part,
                geobox=grid,
                bands=raster.bands,
                dtype=raster.dtype,
                nodata=raster.nodata,
                blocks=[(grid, pixels[:, rows, columns])],
                tags=raster.tags,
            )
            yield part


def _count(detections: GeoDataFrame, labels: GeoDataFrame) -> np.ndarray:
    """How many labels, detections and detections that are right there are."""
    ranked = detections.sort_values("score", ascending=False, kind="stable")
    boxes, true = (shapely.envelope(frame.geometry.to_numpy()) for frame in (ranked, labels))
    one, other = shapely.STRtree(true).query(boxes, predicate="intersects")
    common = shapely.area(shapely.intersection(boxes[one], true[other]))
    iou = common / (shapely.area(boxes)[one] + shapely.area(true)[other] - common)
    (matched,) = match_greedily(Overlaps(one, other, iou), ious=[IOU], detections=len(boxes))
    return np.array([len(true), len(boxes), np.count_nonzero(matched >= 0)])


if __name__ == "__main__":
    main()
