"""Scenes, selections and settings made by code."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from omegaconf import OmegaConf
from shapely.geometry import Polygon

from factory_core.kernel import io
from factory_core.kernel.geo import footprint

CRS = "EPSG:32633"


@pytest.fixture
def write_scene(tmp_path):
    """Write pixels `(band, height, width)` as a processed scene and give its grid."""

    def write(
        pixels: np.ndarray, *, name="a", bands=("red", "green", "blue"), nodata=0, resolution_m=1.0
    ) -> GeoBox:
        affine = Affine(resolution_m, 0, 500_000, 0, -resolution_m, 5_000_000)
        geobox = GeoBox(pixels.shape[1:], affine, CRS)
        io.write_cog(
            tmp_path / "processed" / f"{name}.tif",
            geobox=geobox,
            bands=bands,
            dtype=str(pixels.dtype),
            nodata=nodata,
            blocks=[(geobox, pixels)],
        )
        return geobox

    return write


@pytest.fixture
def write_selection(tmp_path):
    """Write a selection of whole scenes, or of the areas given, of one split or of one each."""

    def write(
        scenes: dict[str, GeoBox | Polygon], *, split: str | tuple[str, ...] = "test"
    ) -> Path:
        splits = (split,) * len(scenes) if isinstance(split, str) else split
        frames = [
            gpd.GeoDataFrame(
                {"scene_id": [name], "block": [0], "split": [theirs], "reason": [""]},
                geometry=[area if isinstance(area, Polygon) else footprint(area)],
                crs=CRS,
            )
            for (name, area), theirs in zip(scenes.items(), splits, strict=True)
        ]
        io.write_by_scene(frames, tmp_path / "selection" / "selection.parquet")
        return tmp_path / "selection"

    return write


@pytest.fixture
def config():
    """The part of params.yaml that predict reads."""
    return OmegaConf.create(
        {
            "predict": {
                "overlap_px": 4,
                "batch_size": 3,
                "blend": {"_target_": "factory_core.predict.blend.Cosine"},
            },
            "compute": {"_target_": "factory_core.kernel.compute.Local", "workers": 1},
            "fingerprint": {"predict": "x"},
        }
    )
