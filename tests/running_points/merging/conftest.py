"""A detector with two tiny models of boxes, and with everything but predictions."""

import shutil

import numpy as np
import pytest
from geopandas import GeoDataFrame

from factory_core.kernel import io
from tests.onnx_models import write_box_model
from tests.running_points.conftest import SCENES, grid, on_ground, write_detector, write_params

PREDICT = "predict: {overlap_px: 6, batch_size: 8}"
POINTS = """
    name: first
    space:
      merge: [core, fusion]
      predict.merge.max_iou: [0.1, 0.6]
      predict.merge.cores_only: [false, true]
      postprocess.tasks.min_score.min_score: [0.2, 0.5]
    objectives: {f1: maximize, ap50: maximize}
"""


def write_grey(root, name, crs, seed):
    """A scene with bright places, several pixels each, and labels of 4 x 4 around some of them."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(3, 60, (1, 60, 80), dtype=np.uint8)
    shapes = []
    places = np.argwhere(np.ones((6, 8))) * 9 + chance.integers(3, 8, (48, 2))
    for row, column in places:
        for _ in range(chance.integers(1, 4)):
            down, right = chance.integers(0, 3, 2)
            pixels[0, row + down, column + right] = chance.integers(70, 256)
        if chance.random() < 0.7:
            shapes.append(on_ground((column - 1.5, row - 1.5, column + 2.5, row + 2.5)))
    io.write_cog(
        root / f"data/processed/{name}.tif",
        geobox=grid(crs),
        bands=("grey",),
        dtype="uint8",
        nodata=0,
        blocks=[(grid(crs), pixels)],
    )
    row = {"label": "house", "scene_id": name}
    return GeoDataFrame(row, geometry=shapes, crs=crs, index=range(len(shapes)))


@pytest.fixture(scope="session")
def models_detector(tmp_path_factory):
    """A detector with two models of boxes, and no predictions."""
    root = write_detector(
        tmp_path_factory.mktemp("merging") / "made", write=lambda *_: None, tasks="[min_score]"
    )
    labels = [write_grey(root, name, crs, seed) for seed, (name, crs) in enumerate(SCENES.items())]
    io.write_by_scene(labels, root / "data/catalogue/labels.parquet")
    for member, blur in enumerate((0.0, 0.1)):
        write_box_model(root / f"models/{member}/model.onnx", classes=("house",), blur=blur)
    io.write_json({"weights": {"0": 0.75, "1": 0.25}}, root / "data/ensemble.json")
    text = (root / "conf/config.yaml").read_text().replace("merge: core", "merge: suppression")
    (root / "conf/config.yaml").write_text(f"{text}\n{PREDICT}")
    write_params(root)
    return root


@pytest.fixture
def merging(models_detector, tmp_path, monkeypatch):
    """That detector, and the current folder."""
    root = shutil.copytree(models_detector, tmp_path / "made")
    monkeypatch.chdir(root)
    return root
