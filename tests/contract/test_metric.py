"""What every metric promises, tested for each YAML in `conf/metric/`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from factory_core.evaluate.metric import Metric, draw_weights
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import Scene, at_level, in_fixed_order
from factory_core.kernel import config, io
from factory_core.kernel.geo import footprint
from factory_core.kernel.parts import list_parts, load_part
from factory_core.kernel.taxonomy import Taxonomy

TAXONOMY = Taxonomy(("made/house", "made/road", "grown/tree"), level=2)
NAMES = ("house", "road", "tree", "made")
LEFT, TOP = 500_000, 5_000_000
CRS = "EPSG:32632"
GRID = GeoBox((160, 160), Affine(1, 0, LEFT, 0, -1, TOP), CRS)


@cache
def part_of(name: str) -> Metric:
    return config.build(load_part("metric", name), where=name)


METRICS = [part.name for part in list_parts("metric")]
# The score map of these scenes is noise: nothing that reads it is perfect.
OF_DETECTIONS = [name for name in METRICS if part_of(name).reads != "score_map"]


@pytest.fixture(params=METRICS)
def metric(request: pytest.FixtureRequest) -> Metric:
    return part_of(request.param)


@pytest.fixture(params=["box", "polygon"])
def match(request: pytest.FixtureRequest) -> str:
    return request.param


def shapes(reads: str, places: np.ndarray, *, side: float = 9) -> np.ndarray:
    x, y = LEFT + places[:, 0] * 12.0, TOP - places[:, 1] * 12.0 - 11
    if reads == "lines":
        # Three arms of 15 m from one place, so that there are junctions.
        turns = np.deg2rad([0, 120, 240])
        middle = np.column_stack([x + 15, y + side])[:, None]
        far = middle + 15 * np.column_stack([np.cos(turns), np.sin(turns)])
        arms = np.stack(np.broadcast_arrays(middle, far), axis=2)
        row = np.arange(3 * len(places)) // 3
        return shapely.multilinestrings(shapely.linestrings(arms.reshape(-1, 2, 2)), indices=row)
    return shapely.box(x, y, x + side, y + side)


def frame(names, geometry, scores=None) -> gpd.GeoDataFrame:
    made = gpd.GeoDataFrame({"label": np.array(names, object)}, geometry=geometry, crs=CRS)
    return in_fixed_order(made if scores is None else made.assign(score=np.array(scores, float)))


def make(labels: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, *, scene_id: str) -> Scene:
    return Scene(
        scene_id=scene_id,
        path=Path(f"{scene_id}.tif"),
        geobox=GRID,
        area=footprint(GRID),
        named_labels=labels,
        named_detections=detections,
        labels=at_level(labels, taxonomy=TAXONOMY),
        detections=at_level(detections, taxonomy=TAXONOMY),
    )


@cache
def scene_of(reads: str, *, seed: int, labels: int = 12, detections: int = 20) -> Scene:
    """Labels and detections on few places, so that they meet; no two scores are equal."""
    draw = np.random.default_rng(seed)
    sides = []
    for count in (labels, detections):
        places = draw.integers(0, 7, (count, 2)) + draw.uniform(-0.1, 0.1, (count, 2))
        sides.append((draw.choice(NAMES, count), shapes(reads, places)))
    return make(
        frame(*sides[0]), frame(*sides[1], draw.random(detections)), scene_id=f"scene{seed}"
    )


@cache
def perfect(reads: str, *, seed: int) -> Scene:
    """Lines meet in threes, so that there are junctions; boxes lie apart."""
    draw = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(np.arange(0, 12, 4), np.arange(2, 12, 4)), axis=-1).reshape(-1, 2)
    sides = (9, 0, -9) if reads == "lines" else (9,)
    geometry = np.concatenate([shapes(reads, places, side=side) for side in sides])
    names = draw.choice(NAMES[:3], len(geometry))
    found = frame(names, geometry, np.ones(len(names)))
    return make(frame(names, geometry), found, scene_id=f"scene{seed}")


def values(metric: Metric, results: Results, weights: object = None) -> dict[str, float]:
    weights = np.ones((1, len(results.scenes))) if weights is None else np.atleast_2d(weights)
    found = metric(results)(np.asarray(weights, float))
    assert all(one.values.shape == (len(weights),) for one in found.values())
    return {name: float(one.values[0]) for name, one in found.items()}


def of(scenes, match="box") -> Results:
    return Results(scenes, taxonomy=TAXONOMY, match=match)


@pytest.fixture
def scenes(metric: Metric, tmp_path: Path):
    """Three scenes."""
    made = [scene_of(metric.reads, seed=seed) for seed in range(3)]
    return with_score_maps(made, metric, tmp_path)


def with_score_maps(scenes: list[Scene], metric: Metric, folder: Path) -> list[Scene]:
    """Score maps for what reads them."""
    if metric.reads != "score_map":
        return scenes
    return [with_score_map(scene, folder) for scene in scenes]


def with_score_map(scene: Scene, folder: Path) -> Scene:
    draw = np.random.default_rng(len(scene.labels))
    pixels = draw.integers(0, 256, (len(TAXONOMY.names), *GRID.shape)).astype("uint8")
    file = folder / f"{scene.scene_id}.tif"
    io.write_cog(
        file,
        geobox=GRID,
        bands=TAXONOMY.names,
        dtype="uint8",
        nodata=None,
        blocks=[(GRID, pixels)],
    )
    return replace(scene, score_map=file)


def test_says_what_each_number_is(metric, scenes):
    found = values(metric, of(scenes))
    assert found
    assert {name.rpartition("/")[2] for name in found} == set(metric.gives)
    for quantity in metric.gives.values():
        assert quantity.title
        assert quantity.meaning
        assert quantity.best in (0.0, 1.0, None)


@pytest.mark.parametrize(
    ("labels", "detections"),
    [
        pytest.param(0, 0, id="nothing"),
        pytest.param(0, 5, id="no labels"),
        pytest.param(5, 0, id="no detections"),
    ],
)
def test_empty_sides_are_no_error(metric, match, labels, detections, tmp_path):
    scene = scene_of(metric.reads, seed=0, labels=labels, detections=detections)
    empty = scene_of(metric.reads, seed=1, labels=0, detections=0)
    both = with_score_maps([scene, empty], metric, tmp_path)
    for scenes in (both[:1], both):
        found = metric(of(scenes, match))(draw_weights(len(scenes), draws=3, seed=0))
        for name, one in found.items():
            assert one.values.shape == (4,)
            assert not np.isinf(one.values).any(), name
            known = one.values[~np.isnan(one.values)]
            if metric.gives[name.rpartition("/")[2]].best == 1:
                assert ((known >= 0) & (known <= 1)).all(), name
            if one.samples is not None and not labels + detections:
                assert not len(known), name


def test_the_order_of_rows_does_not_matter(metric, match, scenes):
    draw = np.random.default_rng(0)

    def shuffled(scene: Scene) -> Scene:
        sides = {}
        for name in ("named_labels", "named_detections", "labels", "detections"):
            rows = getattr(scene, name)
            sides[name] = in_fixed_order(rows.iloc[draw.permutation(len(rows))])
        return replace(scene, **sides)

    found = values(metric, of(scenes, match))
    again = values(metric, of([shuffled(scene) for scene in scenes], match))
    assert again == pytest.approx(found, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("metric", OF_DETECTIONS, indirect=True)
def test_perfect_detections_give_the_best(metric, match, tmp_path):
    found = values(metric, of([perfect(metric.reads, seed=seed) for seed in range(2)], match))
    for name, value in found.items():
        best = metric.gives[name.rpartition("/")[2]].best
        if best is not None and not np.isnan(value):
            assert value == pytest.approx(best, abs=1e-9), name
    known = {name.rpartition("/")[2] for name, value in found.items() if not np.isnan(value)}
    assert known == set(metric.gives)


def test_a_weight_of_two_is_the_scene_twice(metric, match, scenes):
    weights = [2.0, 1.0, 3.0]
    twice = [
        replace(scene, scene_id=f"{scene.scene_id}_{time}")
        for scene, times in zip(scenes, weights, strict=True)
        for time in range(int(times))
    ]
    weighted = metric(of(scenes, match))(np.array([weights]))
    literal = metric(of(twice, match))(np.ones((1, len(twice))))
    assert list(weighted) == list(literal)
    for name, one in weighted.items():
        assert one.values == pytest.approx(literal[name].values, nan_ok=True, abs=1e-9), name
        if one.samples is not None:
            assert one.samples == pytest.approx(literal[name].samples, abs=1e-6), name


def test_a_weight_of_nought_leaves_the_scene_out(metric, match, scenes):
    weighted = values(metric, of(scenes, match), [1.0, 0.0, 1.0])
    without = values(metric, of([scenes[0], scenes[2]], match))
    assert weighted == pytest.approx(without, nan_ok=True, abs=1e-9)


def test_draws_do_not_depend_on_each_other(metric, scenes):
    tally, weights = metric(of(scenes)), draw_weights(3, draws=6, seed=1)
    together = tally(weights)
    for row, alone in enumerate(weights):
        for name, one in tally(alone[None]).items():
            expected = together[name].values[row]
            assert one.values[0] == pytest.approx(expected, nan_ok=True, abs=1e-12), name


def test_other_detections_are_measured_anew(metric, match, scenes):
    """What is shared must not outlive the detections that it was made of."""
    results = of(scenes, match)
    values(metric, results)
    frames = {
        scene.scene_id: scene_of(metric.reads, seed=9 + at).named_detections
        for at, scene in enumerate(scenes)
    }
    others = [scene.detecting(frames[scene.scene_id], taxonomy=TAXONOMY) for scene in scenes]
    changed = values(metric, results.detecting(frames))
    assert changed == pytest.approx(values(metric, of(others, match)), nan_ok=True, abs=1e-12)
