"""The chain of `conf/experiment/roads.yaml` on the roads of a SpaceNet chip, measured as lines.

    python benchmarks/roads.py --chip road_mask_input.tif --roads sample_roads_for_masking.geojson

The two files are those of solaris 0.4.0 (PyPI, `solaris/data`): Las Vegas, 1300 x 1300 pixels of
0.3 m, CC BY-SA 4.0. There is no model here: the score map is drawn from the labels, 6 m wide and
soft at its sides, with noise as wide as a tree and places where the road is hidden. So the figures
say what the chain makes of a good and of a poor score map, and not how well roads are found. The
skeleton is the same chain as far as the lines of the vectoriser.

The last line is one JSON object: for each amount of damage, the metrics of lines.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from scipy.ndimage import distance_transform_edt, gaussian_filter

from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene, at_level, in_fixed_order
from factory_core.kernel import config, io
from factory_core.kernel.geo import ScoreMap, footprint, metric_crs
from factory_core.kernel.parts import load_part
from factory_core.kernel.taxonomy import Taxonomy
from factory_core.postprocess import chain

TEMPLATE = Path(__file__).parents[1] / "{{cookiecutter.detector_name}}"
RESOLUTION_M = 0.5
WIDTH_M = 6.0
TAXONOMY = Taxonomy(("road",))
SHOWN = ("relaxed_f1", "relaxed_precision", "relaxed_recall", "apls", "length_error")
COUNTS = ("junctions_missed", "junctions_false", "component_error")


def main() -> None:
    """Damage the score map more and more, and print what the chain and half of it reach."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--chip", type=Path, required=True)
    options.add_argument("--roads", type=Path, required=True)
    given = options.parse_args()
    scene = read_scene(given.chip, given.roads)
    whole = load_chain()
    names = list(whole["tasks"])
    bare = {"tasks": {name: whole["tasks"][name] for name in names[: names.index("drop_spurs")]}}
    bare["order"] = list(bare["tasks"])
    print(f"{scene.labels.length.sum():.0f} m of roads, {len(scene.labels)} lines")
    found: dict[str, Any] = {}
    for damage in (0.0, 0.5, 1.0, 1.5):
        scores = draw_scores(scene, damage=damage)
        for title, node in (("skeleton", bare), ("network", whole)):
            lines = chain.compose(node, takes=ScoreMap, where="postprocess")(scores)
            measured = measure(scene, lines)
            found[f"{title} {damage:g}"] = measured
            print(f"damage {damage:g}, {title:8}", *(f"{k} {v}" for k, v in measured.items()))
    print(json.dumps(found))


def read_scene(chip: Path, roads: Path) -> Scene:
    """The labels inside the chip, on a grid in metres."""
    place = io.open_raster(chip).geobox
    crs = metric_crs(place)
    left, bottom, right, top = (
        gpd.GeoSeries([footprint(place)], crs=str(place.crs)).to_crs(crs).total_bounds
    )
    shape = (int((top - bottom) / RESOLUTION_M), int((right - left) / RESOLUTION_M))
    grid = GeoBox(shape, Affine(RESOLUTION_M, 0, left, 0, -RESOLUTION_M, top), crs)
    lines = io.read_vectors(roads).to_crs(crs)
    lines = lines[["geometry"]].assign(label="road")
    area = footprint(grid)
    lines = lines.set_geometry(lines.intersection(area))
    labels = in_fixed_order(lines[lines.length > 0])
    none = labels.iloc[:0].assign(score=0.0)
    return Scene("chip", chip, grid, area, labels, none, labels, none)


def load_chain() -> dict[str, Any]:
    """The parts that the experiment `roads` of the template names, with its values."""
    experiment = OmegaConf.load(TEMPLATE / "conf/experiment/roads.yaml")
    order = next(
        list(entry["override /postprocess"])
        for entry in experiment.defaults
        if not isinstance(entry, str) and "override /postprocess" in entry
    )
    values = experiment.postprocess.tasks
    tasks = {name: {**load_part("postprocess", name), **values.get(name, {})} for name in order}
    return {"tasks": tasks, "order": order}


def draw_scores(scene: Scene, *, damage: float) -> ScoreMap:
    """Scores of a model that sees the roads, less well the more damage there is."""
    rng = np.random.default_rng(0)
    grid = scene.geobox
    columns, rows = ~grid.affine @ tuple(
        shapely.get_coordinates(
            shapely.line_interpolate_point(
                np.repeat(scene.labels.geometry.to_numpy(), 4000),
                np.tile(np.linspace(0, 1, 4000), len(scene.labels)),
                normalized=True,
            )
        ).T
    )
    beside = np.ones(grid.shape, bool)
    height, width = grid.shape
    beside[np.clip(rows.astype(int), 0, height - 1), np.clip(columns.astype(int), 0, width - 1)] = 0
    away_m = distance_transform_edt(beside) * RESOLUTION_M
    scores = 1 / (1 + np.exp((away_m - WIDTH_M / 2) / 0.7))
    noise = gaussian_filter(rng.normal(size=grid.shape), 3 / RESOLUTION_M)
    hidden = gaussian_filter(rng.normal(size=grid.shape), 6 / RESOLUTION_M)
    scores = scores + damage * 0.15 * noise / noise.std()
    scores *= 1 - np.clip(damage * (hidden / hidden.std() - 1.3), 0, 1)
    pixels = np.clip(scores * 0.95 * 255, 0, 255).astype(np.uint8)
    return ScoreMap("chip", grid, ("road",), pixels[None])


def measure(scene: Scene, lines: gpd.GeoDataFrame) -> dict[str, float]:
    """The metrics that `roads.yaml` names, with their defaults."""
    named = in_fixed_order(lines[["label", "score", "geometry"]])
    scene = replace(scene, named_detections=named, detections=at_level(named, taxonomy=TAXONOMY))
    results = Results([scene], taxonomy=TAXONOMY)
    numbers: dict[str, float] = {}
    for name in ("relaxed_lines", "apls", "topology"):
        tally = config.build(load_part("metric", name), where=name)(results)
        numbers |= {key: float(one.values[0]) for key, one in tally(np.ones((1, 1))).items()}
    return {key: round(numbers[key], 3) for key in (*SHOWN, *COUNTS)}


if __name__ == "__main__":
    main()
