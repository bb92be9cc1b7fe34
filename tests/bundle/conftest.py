"""A trained, processed and measured detector, as the stages before leave it."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf

from factory_core.kernel import io
from factory_core.kernel.geo import footprint
from factory_core.kernel.parts import load_part
from tests.onnx_models import write_box_model, write_oriented_box_model, write_score_model

GRID = GeoBox((90, 120), Affine(1, 0, 500_000, 0, -1, 5_000_000), "EPSG:32633")
METRICS = {
    "f1": 0.5,
    "precision": 0.5,
    "recall": 0.5,
    "scenes": 1,
    "area_km2": 0.01,
    "match": "box",
    "iou": 0.5,
    "labels": 4,
    "detections": 4,
    "by_class": {
        "tree": {"f1": 0.5, "precision": 0.5, "recall": 0.5, "labels": 4, "detections": 4}
    },
}
CHAINS = {
    "score_map": {
        "threshold": load_part("postprocess", "threshold"),
        "polygonise": load_part("postprocess", "polygonise"),
        "min_area": load_part("postprocess", "min_area") | {"min_area_m2": 2.0},
    },
    "boxes": {
        "min_score": load_part("postprocess", "min_score") | {"min_score": 0.5},
        "geofence": load_part("postprocess", "geofence") | {"file": "fences/here.geojson"},
    },
}
CHAINS["oriented_boxes"] = {
    **CHAINS["boxes"],
    "non_maximum_suppression": load_part("postprocess", "non_maximum_suppression"),
}
MODELS = {
    "score_map": write_score_model,
    "boxes": write_box_model,
    "oriented_boxes": write_oriented_box_model,
}


@pytest.fixture(params=["score_map", "boxes", "oriented_boxes"])
def detector(tmp_path, monkeypatch, request):
    """Configuration of a detector in the working directory, with all that bundle reads."""
    monkeypatch.chdir(tmp_path)
    task = request.param
    bands = ("red", "green", "blue") if task == "score_map" else ("grey",)
    MODELS[task](tmp_path / "models/0/model.onnx", resolution_m=1.0)
    pixels = np.ones((len(bands), *GRID.shape), np.uint8)
    for row, column in [(10, 10), (40, 70), (60, 100), (80, 20)]:
        pixels[:, row : row + 3, column : column + 4] = 220
    for folder in ("raw/scenes", "processed"):
        io.write_cog(
            tmp_path / folder / "a.tif",
            geobox=GRID,
            bands=bands,
            dtype="uint8",
            nodata=0,
            blocks=[(GRID, pixels)],
        )
    blocks = gpd.GeoDataFrame(
        {"scene_id": "a", "block": [0, 1], "split": ["train", "test"], "reason": ""},
        geometry=[footprint(GRID), footprint(GRID)],
        crs=str(GRID.crs),
    )
    io.write_by_scene([blocks], tmp_path / "selection/selection.parquet")
    (tmp_path / "processed/process.json").write_text(json.dumps({"tasks": []}))
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))
    fence = gpd.GeoDataFrame(geometry=[footprint(GRID)], crs=str(GRID.crs))
    io.write_vectors(fence, tmp_path / "fences/here.geojson")
    return OmegaConf.create(
        {
            "detector": "tree_detector",
            "package": "tree_detector",
            "taxonomy": {"classes": ["tree"], "level": 1},
            "catalogue": {"scenes": "scenes/**/*.tif", "bands": []},
            "model": {"_target_": "factory_core.models.architectures.unet.UNet"},
            "predict": {
                "overlap_px": 4,
                "batch_size": 3,
                "blend": {"_target_": "factory_core.predict.blend.Cosine"},
            },
            "postprocess": {"tasks": CHAINS[task], "order": list(CHAINS[task])},
            "fingerprint": {"bundle": "x"},
        }
    )
