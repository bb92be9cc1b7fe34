"""A detector with made-up predictions for val, and with everything that is measured on them."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import yaml
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box

import factory_core
from factory_core.evaluate import stage as evaluate
from factory_core.evaluate.readme import BEGIN, END
from factory_core.kernel import config, fingerprint, io
from factory_core.kernel.geo import footprint
from factory_core.postprocess import stage as postprocess
from factory_core.running_points import page, search

BIN = Path(sys.executable).parent
TEMPLATE = Path(factory_core.__file__).parents[1] / "{{cookiecutter.detector_name}}"
# In two CRS, so that one table of all scenes has to be in a third.
SCENES = {"a": "EPSG:32632", "b": "EPSG:32633", "c": "EPSG:32632"}
CONFIG = """
    defaults:
      - factory
      - blend: cosine
      - merge: core
      - postprocess: {tasks}
      - metric: [matches, average_precision]
      - compute: local
      - _self_
    detector: made
    package: made
    taxonomy: {{classes: [house, shed], level: 1}}
    evaluate: {{match: polygon, iou: 0.4, min_labels: 1, draws: 20, pictures: 1, places: 1}}
    fingerprint: {{catalogue: "", select: "", process: "", dataset: "", train: "", ensemble: "",
      predict: "", bundle: "", postprocess: "1", evaluate: "1"}}
    hydra: {{searchpath: ["pkg://factory_core.conf"]}}
"""
MAPS = "[gaussian, threshold, polygonise, min_area]"
BOXES = "[min_score, non_maximum_suppression]"
TABLE = "running_points/first/points.parquet"
POINTS = """
    name: first
    space:
      postprocess.tasks.threshold.min_score: {low: 0.3, high: 0.7, step: 0.2}
      postprocess.tasks.min_area.min_area_m2: [1.0, 30.0]
    objectives: {f1: maximize}
"""


def compose_quickly(root=None, *, overrides=(), compose=config.compose):
    """What conf/ composes to."""
    with pytest.MonkeyPatch.context() as patch:
        # It states all of them, and Hydra would work them out first.
        patch.setattr(fingerprint, "fingerprint", lambda *_, **__: "")
        return compose(root or Path(), overrides=overrides)


@pytest.fixture
def plain(request, monkeypatch):
    """Nothing is drawn, where a test does not look at it, nor composed that is composed already."""

    def compose(root=None, *, overrides=()):
        return compose_quickly(overrides=overrides) if overrides else config.load()

    monkeypatch.setattr(config, "compose", compose)
    monkeypatch.setattr(evaluate, "_write_plots", lambda *_, **__: {})
    monkeypatch.setattr(evaluate, "_write_pictures", lambda *_, **__: {})
    monkeypatch.setattr(evaluate, "render_report", lambda **_: "")
    if "page" not in request.node.name:
        monkeypatch.setattr(page, "draw", lambda _: {})


def grid(crs):
    return GeoBox((60, 80), Affine(1, 0, 500_000, 0, -1, 5_000_000), crs)


def label_boxes(seed):
    """Houses of a scene, on a lattice so that they never touch."""
    generator = np.random.default_rng(seed)
    cells = [(x, y) for x in range(0, 80, 20) for y in range(0, 60, 20)]
    chosen = generator.choice(len(cells), 7, replace=False)
    for x, y in (cells[index] for index in chosen):
        width, height = generator.integers(6, 13, 2)
        left, top = x + generator.integers(2, 6), y + generator.integers(2, 6)
        yield left, top, left + width, top + height


def on_ground(pixels):
    left, top, right, bottom = pixels
    return box(500_000 + left, 5_000_000 - bottom, 500_000 + right, 5_000_000 - top)


def write_scores(folder, name, crs, seed):
    """A score map: houses blurred and noisy, and false ones."""
    generator = np.random.default_rng(100 + seed)
    scores = generator.uniform(0, 0.35, (2, 60, 80))
    for left, top, right, bottom in label_boxes(seed):
        shift = generator.integers(-2, 3)
        scores[0, top : bottom + shift, left + shift : right] = generator.uniform(0.3, 1.0)
    scores[1, 2:8, 2:9] = generator.uniform(0.3, 0.9)
    io.write_cog(
        folder / f"{name}.tif",
        geobox=grid(crs),
        bands=("house", "shed"),
        dtype="uint8",
        nodata=None,
        blocks=[(grid(crs), np.round(scores * 255).astype(np.uint8))],
    )


def write_candidates(folder, name, crs, seed):
    """Boxes: several a house, and false ones."""
    generator = np.random.default_rng(100 + seed)
    shapes = []
    for left, top, right, bottom in label_boxes(seed):
        for _ in range(3):
            dx, dy = generator.uniform(-2, 2, 2)
            shapes.append(on_ground((left + dx, top + dy, right + dx, bottom + dy)))
    for _ in range(8):
        left, top = generator.uniform(0, 60), generator.uniform(0, 45)
        shapes.append(on_ground((left, top, left + 9, top + 9)))
    scores = generator.uniform(0.05, 0.95, len(shapes))
    frame = gpd.GeoDataFrame(
        {"score": scores, "label": "house", "scene_id": name}, geometry=shapes, crs=crs
    )
    io.write_by_scene([frame], folder / f"{name}.parquet")


def write_detector(root, *, write=write_scores, tasks=MAPS):
    """The files of a detector up to predict, and its composed configuration."""
    data = root / "data"
    (root / "conf").mkdir(parents=True)
    (root / "conf/config.yaml").write_text(textwrap.dedent(CONFIG).format(tasks=tasks))
    for seed, (name, crs) in enumerate(SCENES.items()):
        write(data / "predictions/val", name, crs, seed)
        io.write_cog(
            data / f"processed/{name}.tif",
            geobox=grid(crs),
            bands=("red", "green", "blue"),
            dtype="uint8",
            nodata=0,
            blocks=[(grid(crs), np.full((3, 60, 80), 90 + seed, np.uint8))],
        )
    areas, labels = [], []
    for seed, (name, crs) in enumerate(SCENES.items()):
        # What lies right of the line belongs to test.
        left, bottom, right, top = footprint(grid(crs)).bounds
        halves = [box(left, bottom, right - 20, top), box(right - 20, bottom, right, top)]
        row = {"scene_id": name, "block": [0, 1], "split": ["val", "test"], "reason": ""}
        areas.append(gpd.GeoDataFrame(row, geometry=halves, crs=crs))
        shapes = [on_ground(pixels) for pixels in label_boxes(seed)]
        row = {"label": "house", "scene_id": name}
        labels.append(gpd.GeoDataFrame(row, geometry=shapes, crs=crs, index=range(len(shapes))))
    io.write_by_scene(areas, data / "selection/selection.parquet")
    io.write_by_scene(labels, data / "catalogue/labels.parquet")
    io.write_table(pd.DataFrame({"id": list(SCENES)}), data / "catalogue/scenes.parquet")
    write_params(root)
    return root


def write_params(root):
    text = config.to_yaml(compose_quickly(root))
    (root / "params.yaml").write_text(text)


def write_points(root, text=POINTS, **changed):
    """Write a POINTS.yaml, some of its keys with other values, as YAML; `null` drops one."""
    content = yaml.safe_load(textwrap.dedent(text))
    content |= {key: yaml.safe_load(value) for key, value in changed.items()}
    file = root / "POINTS.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return file


def measure(composed):
    """What the stages postprocess and evaluate write for a configuration, of what predict wrote."""
    folders = {"predictions": Path("data/predictions/val"), "selection": Path("data/selection")}
    detections = Path("data/detections/val.parquet")
    postprocess.run(composed, **folders, split="val", out=detections)
    evaluate.run(
        composed,
        **folders,
        detections=detections,
        scenes=Path("data/processed"),
        catalogue=Path("data/catalogue"),
        split="val",
        out=Path("data/evaluation"),
    )
    return io.read_json(Path("data/evaluation/metrics.json"))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Detectors of score maps and of candidates, made once."""
    root = tmp_path_factory.mktemp("detectors")
    write_detector(root / "maps")
    write_detector(root / "boxes", write=write_candidates, tasks=BOXES)
    return root


@pytest.fixture
def detector(made, tmp_path, monkeypatch):
    """A detector of score maps, without Git, and the current folder."""
    root = shutil.copytree(made / "maps", tmp_path / "made")
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def box_detector(made, tmp_path, monkeypatch):
    """A detector of candidates, without Git, and the current folder."""
    root = shutil.copytree(made / "boxes", tmp_path / "made")
    monkeypatch.chdir(root)
    return root


def run(*command, cwd):
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def repository(detector):
    """The detector under Git and DVC, with the stages of the template that points run through."""
    stages = yaml.safe_load((TEMPLATE / "dvc.yaml").read_text())["stages"]
    kept = {name: stages[name] for name in ("postprocess", "evaluate")}
    for stage in kept.values():
        stage["matrix"]["split"] = ["val"]
    # A folder of outputs, as trainings write it: `curves` itself is none.
    plots = detector / "curves/0/plots/metrics/train"
    plots.mkdir(parents=True)
    (plots / "loss.tsv").write_text("step\tloss\n0\t2.0\n1\t1.0\n")
    (detector / "README.md").write_text(f"# Made\n{BEGIN}\n{END}\n")
    (detector / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}, sort_keys=False))
    (detector / ".gitignore").write_text("/running_points\n/POINTS.yaml\n")
    run("git", "init", "--quiet", "--initial-branch", "main", cwd=detector)
    run("git", "config", "user.email", "a@localhost", cwd=detector)
    run("git", "config", "user.name", "a", cwd=detector)
    run("dvc", "init", "--quiet", cwd=detector)
    (detector / ".dvc/config").write_text(
        "[core]\n    analytics = false\n    autostage = true\n[hydra]\n    enabled = True\n"
    )
    inputs = [f"data/{name}" for name in ("predictions/val", "processed", "catalogue", "selection")]
    inputs.append("curves/0")
    run("dvc", "add", "--quiet", *inputs, cwd=detector)
    run("dvc", "repro", "--quiet", cwd=detector)
    run("git", "add", "--all", cwd=detector)
    run("git", "commit", "--quiet", "--message", "one", cwd=detector)
    return detector


def searched(file):
    """Lines of a search, and its table of points, without what is set now."""
    lines = list(search.search(file))
    table = pd.read_parquet(TABLE)
    return "\n".join(lines), table[table["point"] != "now"]


def overrides_of(row):
    """The point of a row of the table, as overrides of post-processing."""
    return [f"{key}={row[key]}" for key in row.index if key.startswith("postprocess")]
